import Glibc
import LinuxIO
import Testing

@testable import vserialctl

/// Debian's qemu-ga on a pseudo-terminal, which takes the place of the guest's port; ended with the value.
final class RealAgent {
    /// The host's socket.
    let port: FakePort
    private let process: pid_t
    private let master: OwnedFileDescriptor

    /// TIOCSPTLCK and TIOCGPTN: what unlockpt(3) and ptsname(3) do, which Glibc does not import.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    static let program = "/usr/sbin/qemu-ga"

    /// Why there is none; nil when there is one.
    static var absence: String? {
        unsafe access(program, X_OK) == 0 ? nil : "no \(program): install the Debian package qemu-guest-agent"
    }

    /// - Parameter folder: for the agent's own files.
    /// - Throws: when it cannot be started.
    init(folder: String) throws {
        let number = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(number >= 0)
        master = OwnedFileDescriptor(adopting: number)
        var lock: Int32 = 0
        var index: UInt32 = 0
        try #require(unsafe ioctl(number, Self.setLock, &lock) == 0 && ioctl(number, Self.getNumber, &index) == 0)
        let name = "/dev/pts/\(index)"
        // Else the terminal would send the commands back.
        var settings = termios()
        unsafe tcgetattr(number, &settings)
        unsafe cfmakeraw(&settings)
        unsafe tcsetattr(number, TCSANOW, &settings)
        port = try FakePort()
        let arguments = [Self.program, "-m", "isa-serial", "-p", name, "-t", folder, "-f", "\(folder)/pid"]
        var argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe argv.indices { unsafe free(argv[index]) } }
        var started: pid_t = 0
        try #require(unsafe posix_spawn(&started, Self.program, nil, nil, &argv, nil) == 0)
        process = started
        try awaitAnswer()
    }

    /// When the agent opens its terminal it throws away what waits there: what is said before does not arrive.
    private func awaitAnswer() throws {
        let ping = Array(#"{"execute":"guest-ping"}"#.utf8) + [UInt8(ascii: "\n")]
        for _ in 0..<600 {
            try #require(unsafe write(master.rawValue, ping, ping.count) == ping.count)
            var entry = pollfd(fd: master.rawValue, events: Int16(POLLIN), revents: 0)
            // Later answers to further ones are skipped by whoever synchronizes.
            if unsafe poll(&entry, 1, 100) == 1 { return }
        }
        Issue.record("the agent does not answer")
    }

    deinit {
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }

    /// Carries one client's conversation, until it leaves.
    func serve() throws {
        let client = SocketEnd(try port.acceptStream())
        var relay = Relay(
            toPort: RelayFlow(from: client, to: FileEnd(try master.duplicate())),
            fromPort: RelayFlow(from: FileEnd(try master.duplicate()), to: client), endsWith: .portOrNear)
        _ = try relay.run(until: Deadline(seconds: 120))
    }
}
