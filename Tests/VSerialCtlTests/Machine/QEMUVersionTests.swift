import Testing

@testable import vserialctl

@Suite struct QEMUVersionTests {
    @Test(
        "as --version prints it",
        arguments: [
            ("QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1~bpo13+1)\nCopyright (c) 2003", "11.1"),
            ("QEMU emulator version 10.2.0\n", "10.2"), ("QEMU emulator version 9.0", "9.0"),
        ])
    func printed(text: String, expected: String) throws {
        #expect(try #require(QEMUVersion(printed: text)).description == expected)
    }

    @Test(
        "anything else is no QEMU",
        arguments: ["", "bash version 10.2", "QEMU emulator version", "QEMU version x.y"])
    func others(text: String) {
        #expect(QEMUVersion(printed: text) == nil)
    }

    @Test func order() {
        let first = DeviceSettings.firstVersion
        #expect(QEMUVersion(major: 10, minor: 1) < first)
        #expect(QEMUVersion(major: 9, minor: 9) < first)
        #expect(!(QEMUVersion(major: 10, minor: 2) < first))
        #expect(!(QEMUVersion(major: 11, minor: 0) < first))
    }
}
