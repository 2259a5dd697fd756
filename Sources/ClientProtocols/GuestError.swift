/// What a guest says that it should not, or that it cannot do what it was asked to. Its words are shown so that they
/// harm no terminal, and the first of them only.
package enum GuestError: Error, Equatable, CustomStringConvertible {
    case endlessLine
    /// A file is to come, and something else does.
    case noHeader([UInt8])
    /// The bytes of a file are not those that were sent.
    case changed
    case noAnswer(to: String, [UInt8])
    case emptyAnswer(to: String)
    case refused(String, reason: String)
    case noBase64
    case wrongPiece(said: Int, sent: Int)
    /// It would go on like that without end.
    case noProgress
    case wrongWrite(said: Int, of: Int)

    package var description: String {
        switch self {
        case .endlessLine: "the guest sends a line without end"
        case .noHeader(let line): "the guest sends no header: \(PrintableText.escaping(Array(line.prefix(80))))"
        case .changed: "the file arrived changed: its SHA-256 is another one"
        case .noAnswer(let command, let line):
            "this is no answer to \(command): \(PrintableText.escaping(Array(line.prefix(200))))"
        case .emptyAnswer(let command): "\(command) has neither a return nor an error"
        case .refused(let command, let reason):
            "the agent refuses \(command): \(PrintableText.escaping(Array(reason.utf8.prefix(400))))"
        case .noBase64: "the guest sends what is no base64"
        case .wrongPiece(let said, let sent): "the agent says \(said) bytes and sends \(sent)"
        case .noProgress: "the agent reads nothing, and not to the end"
        case .wrongWrite(let said, let count): "the agent says that it wrote \(said) of \(count) bytes"
        }
    }
}

extension UnreadBytes {
    /// A guest's line, without its end; nil when it has not ended.
    package mutating func takeGuestLine(atMost maximum: Int) throws(GuestError) -> [UInt8]? {
        do throws(EndlessLine) {
            return try takeLine(atMost: maximum)
        } catch {
            throw .endlessLine
        }
    }
}
