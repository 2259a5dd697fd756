import Testing

@testable import ClientProtocols

@Suite struct GuestErrorTests {
    @Test("a guest's words harm no terminal, and do not fill it")
    func words() {
        let words = "\u{1B}[2J\u{202E}" + String(repeating: "x", count: 100_000)
        for error: GuestError in [
            .refused("x", reason: words), .noAnswer(to: "x", Array(words.utf8)), .noHeader(Array(words.utf8)),
        ] {
            #expect(error.description.contains(#"\x1b[2J\u{202E}xxx"#))
            #expect(error.description.utf8.count < 500)
        }
    }
}
