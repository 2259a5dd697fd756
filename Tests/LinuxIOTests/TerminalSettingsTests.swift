import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("TerminalSettings")
struct TerminalSettingsTests {
    private static let inputFlags = tcflag_t(ICRNL | IXON)
    private static let localFlags = tcflag_t(ICANON | ECHO | ISIG | IEXTEN)

    private func flags(of descriptor: Int32) -> termios {
        var settings = termios()
        #expect(unsafe tcgetattr(descriptor, &settings) == 0)
        return settings
    }

    /// As a shell has it.
    private func makeCooked(_ descriptor: Int32) {
        var settings = flags(of: descriptor)
        settings.c_iflag |= Self.inputFlags
        settings.c_oflag |= tcflag_t(OPOST)
        settings.c_lflag |= Self.localFlags
        #expect(unsafe tcsetattr(descriptor, TCSANOW, &settings) == 0)
    }

    @Test func keysGoOneByOneAndSignalsStay() throws {
        let terminal = try PseudoTerminal.open(mode: 0o600).connect()
        let number = terminal.rawValue
        makeCooked(number)
        let found = try TerminalSettings(of: number)
        try found.keyByKey.apply(to: number)
        #expect(flags(of: number).c_lflag & Self.localFlags == tcflag_t(ISIG))
        #expect(flags(of: number).c_iflag & Self.inputFlags == 0)
        #expect(flags(of: number).c_oflag & tcflag_t(OPOST) != 0)
        try found.raw.apply(to: number)
        #expect(flags(of: number).c_lflag & Self.localFlags == 0)
        #expect(flags(of: number).c_oflag & tcflag_t(OPOST) == 0)
        try found.apply(to: number)
        #expect(flags(of: number).c_lflag & Self.localFlags == Self.localFlags)
        #expect(flags(of: number).c_iflag & Self.inputFlags == Self.inputFlags)
        #expect(flags(of: number).c_oflag & tcflag_t(OPOST) != 0)
    }

    @Test func aSocketIsNoTerminal() throws {
        let pair = try UnixStream.pair()
        let number = pair.first.rawValue
        #expect(throws: SystemError(call: "tcgetattr", errno: Errno(rawValue: ENOTTY))) {
            _ = try TerminalSettings(of: number)
        }
    }
}
