import Glibc
import LinuxIO
import Testing

@testable import SerialDaemon

/// `kind=stdio` on a terminal, with the sandbox and the filter that users have.
@Suite("The terminal of standard input")
final class StandardTerminalTests {
    private let directory: TemporaryDirectory
    private let terminal: PseudoTerminal
    private let master: OpenFile
    private static let lineByLine = tcflag_t(ICANON | ECHO)

    init() throws {
        directory = try TemporaryDirectory()
        terminal = try PseudoTerminal.open(mode: 0o600)
        master = try terminal.connect()
        var settings = flags
        settings.c_lflag |= Self.lineByLine | tcflag_t(ISIG)
        try #require(unsafe tcsetattr(master.rawValue, TCSANOW, &settings) == 0)
    }

    private var flags: termios {
        var settings = termios()
        #expect(unsafe tcgetattr(master.rawValue, &settings) == 0)
        return settings
    }

    private func start(isForeground: Bool = true) throws -> SpawnedDaemon {
        let daemon = try SpawnedDaemon(
            ["--socket-path", "\(directory.path)/vhost.sock", "--port", "name=a,kind=stdio"],
            terminal: terminal.path, isForeground: isForeground)
        #expect(daemon.waitForOutput("waiting for a front-end"))
        return daemon
    }

    /// By a signal, and by the key that sends one.
    @Test(arguments: [true, false])
    func isTheGuestsUntilTheEnd(endsByKey: Bool) throws {
        let daemon = try start()
        #expect(flags.c_lflag & (Self.lineByLine | tcflag_t(ISIG)) == tcflag_t(ISIG))
        if endsByKey {
            #expect(unsafe write(master.rawValue, [3] as [UInt8], 1) == 1)
        } else {
            daemon.send(SIGTERM)
        }
        #expect(daemon.wait().code == 0)
        #expect(flags.c_lflag & Self.lineByLine == Self.lineByLine)
    }

    @Test func ofAnotherJobIsLeftAlone() throws {
        let daemon = try start(isForeground: false)
        #expect(flags.c_lflag & Self.lineByLine == Self.lineByLine)
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}
