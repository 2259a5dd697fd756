import Testing

@testable import TOML

@Suite("TOMLText")
struct TOMLTextTests {
    @Test(arguments: [
        "", "a", "\"", "\\", "\\\"", "a\tb\nc", "\u{0}\u{7F}\u{85}\u{2028}", "é\u{301}", "\u{301}", "😀", "a # b",
    ])
    func quotedTextReadsBack(text: String) throws {
        let quoted = TOMLText.quoted(text)
        let members = try TOMLReader.read(Array("a = \(quoted)".utf8))
        guard case .string(let read) = try #require(members.first).value.content else {
            Issue.record("no string")
            return
        }
        // Byte for byte: equal characters may be different ones.
        #expect(Array(read.utf8) == Array(text.utf8))
    }

    @Test func noControlCharacterIsWritten() {
        #expect(TOMLText.quoted("\u{1B}[2J\u{9B}\u{2029}\n") == #""\u001B[2J\u009B\u2029\u000A""#)
    }
}
