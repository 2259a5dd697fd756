import ControlProtocol

/// What `--json` prints: one value on one line, for other programs.
enum JSONText {
    /// The line, with its end.
    static func line(_ value: some Encodable) throws(CommandFailure) -> String {
        do {
            return String(decoding: try ControlCoding.encode(value), as: UTF8.self) + "\n"
        } catch {
            throw .notUnderstood("a value that cannot be said in JSON: \(error)")
        }
    }
}
