/// Ends the relay behind a text, wherever pieces begin and end.
final class UntilFilter: RelayFilter {
    private let text: [UInt8]
    /// The last bytes that came, of which the text may be the continuation.
    private var tail: [UInt8] = []
    /// Whether the text has come.
    private(set) var wasFound = false

    /// What it is to have waited in vain.
    static let missed = CommandFailure.incomplete("the port ended before the text of --until came")

    /// - Parameter text: not empty.
    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    func pass(_ piece: inout [UInt8]) -> RelayVerdict {
        let seen = tail + piece
        if let found = seen.firstRange(of: text) {
            wasFound = true
            piece.removeSubrange((found.upperBound - tail.count)...)
            return .stopWhenWritten
        }
        tail = Array(seen.suffix(text.count - 1))
        return .goOn
    }
}
