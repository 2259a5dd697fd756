import Testing

@testable import vserialctl

@Suite struct TextStyleTests {
    @Test(
        "colours only on a terminal that can, and when nobody objects",
        arguments: [
            (true, nil, "xterm", true), (true, "", "xterm", true), (true, "1", "xterm", false),
            (false, nil, "xterm", false), (true, nil, "dumb", false), (true, nil, nil, false),
        ] as [(Bool, String?, String?, Bool)])
    func wanted(onTerminal: Bool, noColor: String?, terminal: String?, expected: Bool) {
        #expect(TextStyle.isWanted(onTerminal: onTerminal, noColor: noColor, terminal: terminal) == expected)
    }

    @Test("what is turned on is turned off", arguments: [TextStyle.bold, .good, .warning, .bad])
    func ends(style: TextStyle) {
        #expect(style.applied(to: "x").hasPrefix("\u{1B}["))
        #expect(style.applied(to: "x").hasSuffix("x\u{1B}[0m"))
    }

    @Test func plain() { #expect(TextStyle.plain.applied(to: "x") == "x") }
}
