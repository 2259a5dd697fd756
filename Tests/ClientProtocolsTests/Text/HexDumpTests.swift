import Testing

@testable import ClientProtocols

@Suite struct HexDumpTests {
    @Test("as hexdump -C")
    func lines() {
        #expect(HexDump.lines([]) == [])
        #expect(
            HexDump.lines(Array("hello, \u{1B}world~\u{7F}\u{80}".utf8)) == [
                "00000000  68 65 6c 6c 6f 2c 20 1b  77 6f 72 6c 64 7e 7f c2  |hello, .world~..|",
                "00000010  80                                                |.|",
            ])
    }
}
