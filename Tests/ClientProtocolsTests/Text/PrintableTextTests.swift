import Testing

@testable import ClientProtocols

@Suite struct PrintableTextTests {
    @Test(
        "text stays, everything else is spelled out",
        arguments: [
            ("", ""), ("grüße 日本 🎉", "grüße 日本 🎉"), ("a\r\n\tb", #"a\r\n\tb"#),
            ("\u{1B}[2J\u{7F}\0", #"\x1b[2J\x7f\x00"#),
            (#"C:\n"#, #"C:\\n"#), ("\u{85}\u{2028}\u{202E}", #"\u{85}\u{2028}\u{202E}"#),
        ])
    func text(input: String, expected: String) {
        #expect(PrintableText.escaping(input) == expected)
    }

    @Test("what is no UTF-8 is shown byte by byte, and what follows as it is")
    func invalid() {
        #expect(PrintableText.escaping([0x61, 0xFF, 0xC3, 0x62, 0xE2, 0x82]) == #"a\xff\xc3b\xe2\x82"#)
        #expect(PrintableText.escaping([0xED, 0xA0, 0x80, 0x63]) == #"\xed\xa0\x80c"#)
    }
}
