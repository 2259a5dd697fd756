import Testing

@testable import SerialDaemon

@Suite("PortName")
struct PortNameTests {
    @Test(arguments: [
        "vm.ctl", "org.qemu.guest_agent.0", "com.redhat.spice.0", "a b", "größe", "...", "=,",
        String(repeating: "x", count: 255),
    ])
    func usableNameIsAccepted(name: String) {
        #expect(PortName.problem(with: name) == nil)
    }

    @Test(arguments: [
        ("", PortName.Problem.empty), (".", .directoryEntry), ("..", .directoryEntry), ("a/b", .slash), ("/", .slash),
        ("a\0b", .controlCharacter), ("a\nb", .controlCharacter), ("\u{1B}[2J", .controlCharacter),
        ("a\u{7F}", .controlCharacter),
        ("a\u{85}", .controlCharacter), ("a\r\n", .controlCharacter), ("a\u{FFFD}", .notUTF8),
        (String(repeating: "x", count: 256), .tooLong(byteCount: 256)),
        // The bound is in bytes: 128 of these are 256.
        (String(repeating: "ö", count: 128), .tooLong(byteCount: 256)),
    ])
    func nameThatIsNoFileNameIsRefused(name: String, problem: PortName.Problem) {
        #expect(PortName.problem(with: name) == problem)
    }
}
