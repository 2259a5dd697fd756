import ClientProtocols
import ControlProtocol

/// What whoever answers at a control socket says to vserialctl.
///
/// Checked beside that nothing traps: lines do not depend on how the bytes come, and what was read can be written, and is
/// the same.
final class ControlAnswersTarget: FuzzTarget {
    private static let maximumLineByteCount = 300

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        let cut = Cut(&source)
        let bytes = source.takeRest()
        let whole = Self.lines(bytes, .none)
        let inParts = Self.lines(bytes, cut)
        try expect(whole == inParts, "\(whole) at once, \(inParts) in parts")
        for (index, line) in whole.enumerated() { try Self.check(line, asNumber: index) }
    }

    /// Up to one that is too long, which ends the connection.
    private static func lines(_ bytes: [UInt8], _ cut: Cut) -> [[UInt8]] {
        var unread = UnreadBytes()
        var lines: [[UInt8]] = []
        for part in cut.parts(of: bytes) {
            unread.append(part)
            do throws(UnreadBytes.EndlessLine) {
                while let line = try unread.takeLine(atMost: maximumLineByteCount) { lines.append(line) }
            } catch {
                return lines + [[]]
            }
        }
        return lines
    }

    /// First the greeting, and then events and answers by turns.
    private static func check(_ line: [UInt8], asNumber number: Int) throws(OracleFailure) {
        switch number % 5 {
        case 0: try checkAgain(ControlGreeting.self, line)
        case 1: try checkAgain(ControlEvent.self, line)
        case 2: try checkAgain([PortStatus].self, line)
        case 3: try checkAgain(DaemonStatus.self, line)
        default: try checkAnswer(line)
        }
    }

    private static func checkAnswer(_ line: [UInt8]) throws(OracleFailure) {
        guard let answer = try? ControlCoding.decode(ControlAnswer<JSONValue>.self, from: line) else { return }
        guard let written = try? ControlCoding.encode(answer) else {
            throw OracleFailure("\(answer) cannot be written")
        }
        let again = try? ControlCoding.decode(ControlAnswer<JSONValue>.self, from: written)
        try expect(
            again?.return == answer.return && again?.error == answer.error && again?.id == answer.id,
            "\(answer) was written as \(String(decoding: written, as: UTF8.self))")
    }

    private static func checkAgain<Value: Codable & Equatable>(
        _: Value.Type, _ line: [UInt8]
    ) throws(OracleFailure) {
        guard let value = try? ControlCoding.decode(Value.self, from: line) else { return }
        guard let written = try? ControlCoding.encode(value) else { throw OracleFailure("\(value) cannot be written") }
        let again = try? ControlCoding.decode(Value.self, from: written)
        try expect(again == value, "\(value) was written as \(String(decoding: written, as: UTF8.self))")
    }
}
