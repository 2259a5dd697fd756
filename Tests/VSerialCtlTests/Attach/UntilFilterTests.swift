import Testing

@testable import vserialctl

@Suite("UntilFilter")
struct UntilFilterTests {
    @Test(arguments: [["login: x"], ["log", "in", ": x"], ["l", "o", "g", "i", "n", ":", " x"]])
    func endsBehindTheTextHoweverItIsCut(pieces: [String]) throws {
        let result = try pass(pieces, UntilFilter("login:"))
        #expect(result.text == "login:")
        #expect(result.verdict == .stopWhenWritten)
    }

    @Test func goesOnWithoutTheText() throws {
        let filter = UntilFilter("aab")
        let result = try pass(["aa", "a", "a"], filter)
        #expect(result.text == "aaaa")
        #expect(result.verdict == .goOn)
        #expect(!filter.wasFound)
    }
}
