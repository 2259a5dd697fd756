import ClientProtocols

/// What a guest says where its agent should be: to `vserialctl agent`, from the synchronization on.
///
/// Checked beside that nothing traps: the answers do not depend on how the bytes come, what is taken is within what was
/// asked for, and what is said of an answer harms no terminal.
final class AgentAnswersTarget: FuzzTarget {
    private static let number: Int64 = 7
    private static let pieceByteCount = 16

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        let cut = Cut(&source)
        let bytes = source.takeRest()
        try Self.checkEscaping(bytes)
        let whole = try Self.converse(bytes, .none)
        let cutOne = try Self.converse(bytes, cut)
        try expect(whole == cutOne, "\(whole) at once, \(cutOne) in parts")
    }

    /// What the answers to one question after the other came to.
    private static func converse(_ bytes: [UInt8], _ cut: Cut) throws(OracleFailure) -> [String] {
        var unread = UnreadBytes()
        var synchronization = AgentSynchronization(number: number)
        var isSynchronized = false
        var lines: [[UInt8]] = []
        for part in cut.parts(of: bytes) {
            unread.append(part)
            do throws(GuestError) {
                if !isSynchronized { isSynchronized = try synchronization.advance(&unread) }
                guard isSynchronized else { continue }
                while let line = try unread.takeGuestLine(atMost: AgentLine.maximumByteCount) { lines.append(line) }
            } catch {
                throw OracleFailure("\(bytes.count) bytes are a line without end")
            }
        }
        var results: [String] = []
        for line in lines { results.append(try result(of: line, toQuestion: results.count)) }
        return results
    }

    private static func result(of line: [UInt8], toQuestion number: Int) throws(OracleFailure) -> String {
        let answer: Answer
        do throws(GuestError) {
            answer = try Answer(line, toQuestion: number)
        } catch {
            try TerminalText.check("\(error)")
            try expect("\(error)".utf8.count < 4096, "a guest's words fill the terminal")
            return "\(error)"
        }
        try expect(answer.isWithinBounds, "\(answer.text) is more than was asked for")
        return answer.text
    }

    private struct Answer {
        let text: String
        let isWithinBounds: Bool

        init(_ line: [UInt8], toQuestion number: Int) throws(GuestError) {
            switch number % 6 {
            case 0:
                text = "\(try AgentAnswer<AgentInfo>.content(of: line, to: "guest-info"))"
                isWithinBounds = true
            case 1:
                let piece = try AgentAnswer<AgentFilePiece>.content(of: line, to: "guest-file-read")
                let bytes = try piece.bytes(atMost: pieceByteCount) ?? []
                text = "\(bytes)"
                let again = try Base64.decode(Base64.encode(bytes))
                isWithinBounds = bytes.count <= pieceByteCount && again == bytes
            case 2:
                let written = try AgentAnswer<AgentFileWritten>.content(of: line, to: "guest-file-write")
                let count = try written.count(of: pieceByteCount)
                text = "\(count)"
                isWithinBounds = 1...pieceByteCount ~= count
            case 3:
                let status = try AgentAnswer<AgentProcessStatus>.content(of: line, to: "guest-exec-status")
                let result = try status.result()
                text = "\(String(describing: result))"
                isWithinBounds = 0...255 ~= (result?.exitCode ?? 0)
            case 4:
                text = "\(try AgentAnswer<AgentProcess>.content(of: line, to: "guest-exec").pid)"
                isWithinBounds = true
            default:
                text = "\(try AgentAnswer<AgentNothing>.content(of: line, to: "guest-ping"))"
                isWithinBounds = true
            }
        }
    }

    // MARK: Escaping

    /// No two inputs look alike: the text can be read back.
    private static func checkEscaping(_ bytes: [UInt8]) throws(OracleFailure) {
        let text = PrintableText.escaping(bytes)
        try TerminalText.check(text)
        try expect(unescaped(text) == bytes, "\(bytes) is shown as \(text)")
    }

    private static func unescaped(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let kind = rest.popFirst() else {
                bytes += UTF8.encode(scalar).map(Array.init) ?? []
                continue
            }
            switch kind {
            case "n": bytes.append(0x0A)
            case "r": bytes.append(0x0D)
            case "t": bytes.append(0x09)
            case "x":
                bytes.append(UInt8(String(rest.prefix(2)), radix: 16) ?? 0)
                rest = rest.dropFirst(2)
            case "u":
                let digits = rest.dropFirst().prefix { $0 != "}" }
                rest = rest.dropFirst(digits.count + 2)
                let value = UInt32(String(digits), radix: 16).flatMap(Unicode.Scalar.init)
                bytes += value.flatMap(UTF8.encode).map(Array.init) ?? []
            default: bytes += UTF8.encode(kind).map(Array.init) ?? []
            }
        }
        return bytes
    }
}
