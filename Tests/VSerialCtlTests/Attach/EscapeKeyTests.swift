import Testing

@testable import vserialctl

@Suite("EscapeKey")
struct EscapeKeyTests {
    @Test(arguments: [("^]", 0x1D), ("^a", 1), ("^A", 1), ("~", 0x7E), ("^@", 0)] as [(String, UInt8)])
    func readsWhatPeopleWrite(text: String, byte: UInt8) throws {
        let key = try #require(EscapeKey(argument: text))
        #expect(key.byte == byte)
    }

    @Test(arguments: ["", "ab", "^", "^1", "é", "^]]"]) func refusesTheRest(text: String) {
        // "^" alone is a key like any other.
        #expect((EscapeKey(argument: text) == nil) == (text != "^"))
    }

    @Test func noneIsNoKey() throws {
        let key = try #require(EscapeKey(argument: "none"))
        let result = try pass(["\u{1D}x"], EscapeFilter(key))
        #expect(result.text == "\u{1D}x")
        #expect(result.verdict == .goOn)
    }

    @Test func theFilterKeepsWhatWasTypedBefore() throws {
        let result = try pass(["ab\u{1D}cd"], EscapeFilter(.usual))
        #expect(result.text == "ab")
        #expect(result.verdict == .stopNow)
    }
}
