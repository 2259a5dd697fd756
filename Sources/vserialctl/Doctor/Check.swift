/// One thing that the doctor has looked at.
struct Check: Codable, Equatable {
    enum Verdict: String, Codable {
        case ok, warning, failed
        case notChecked = "not-checked"
    }

    /// For scripts; stays the same.
    var name: String
    var verdict: Verdict
    /// What was found, in a few words.
    var finding: String
    /// What to do; nil when there is nothing.
    var advice: String?

    static func ok(_ name: String, _ finding: String) -> Check {
        Check(name: name, verdict: .ok, finding: finding, advice: nil)
    }

    static func warning(_ name: String, _ finding: String, advice: String) -> Check {
        Check(name: name, verdict: .warning, finding: finding, advice: advice)
    }

    static func failed(_ name: String, _ finding: String, advice: String) -> Check {
        Check(name: name, verdict: .failed, finding: finding, advice: advice)
    }

    static func notChecked(_ name: String, because reason: String, advice: String? = nil) -> Check {
        Check(name: name, verdict: .notChecked, finding: reason, advice: advice)
    }

    /// The line, and one for the advice.
    func lines(isStyled: Bool) -> [String] {
        let (word, style): (String, TextStyle) =
            switch verdict {
            case .ok: ("ok", .good)
            case .warning: ("warning", .warning)
            case .failed: ("FAILED", .bad)
            case .notChecked: ("-", .plain)
            }
        let padding = String(repeating: " ", count: 9 - word.count)
        let line = "\(isStyled ? style.applied(to: word) : word)\(padding)\(name): \(finding)"
        return [line] + (advice.map { [String(repeating: " ", count: 9) + "→ \($0)"] } ?? [])
    }
}
