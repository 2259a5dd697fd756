import Testing

@testable import ClientProtocols

@Suite struct AgentSynchronizationTests {
    /// What is left behind the answer, when the bytes come in pieces; nil without an answer.
    private func rest(_ bytes: [UInt8], pieceByteCount: Int) throws(GuestError) -> [UInt8]? {
        var synchronization = AgentSynchronization(number: 7)
        var unread = UnreadBytes()
        var coming = bytes[...]
        while !coming.isEmpty {
            unread.append(coming.prefix(pieceByteCount))
            coming = coming.dropFirst(pieceByteCount)
            if try synchronization.advance(&unread) { return (unread.take(atMost: .max / 2) ?? []) + coming }
        }
        return nil
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "the answer is found behind everything else, and nothing more is taken",
        arguments: [
            text(""), text("\"x\"}\n{\"return\": 7}\n"), [0xFF] + text("{\"return\": 8}\n"), [0xFF, 0x0A],
            [0xFF] + text("nonsense\n"), [0xFF] + text("{\"error\": {\"desc\": \"no\"}}\n"),
        ], [1, 2, 7, 1000])
    func found(stale: [UInt8], pieceByteCount: Int) throws {
        let bytes = stale + [0xFF] + Self.text("{\"return\": 7}\nrest")
        #expect(try rest(bytes, pieceByteCount: pieceByteCount) == Self.text("rest"))
    }

    @Test(
        "what is not the answer is not taken for it",
        arguments: [text("{\"return\": 7}\n"), [0xFF] + text("{\"return\": 7}"), [0xFF] + text("{\"return\": 70}\n")])
    func missing(bytes: [UInt8]) throws {
        #expect(try rest(bytes, pieceByteCount: 1000) == nil)
    }
}
