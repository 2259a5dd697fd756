import Glibc
import LinuxIO
import SystemPackage
import Testing

/// The real program on a terminal of its own; killed with the value.
final class SpawnedTerminal {
    let process: pid_t
    private let master: OwnedFileDescriptor
    private var output: [UInt8] = []
    private var isReaped = false

    /// In <spawn.h>, behind _GNU_SOURCE.
    private static let newSession: Int32 = 0x80
    /// TIOCSPTLCK and TIOCGPTN: what unlockpt(3) and ptsname(3) do, which Glibc does not import.
    private static let setLock: UInt = 0x4004_5431
    private static let getNumber: UInt = 0x8004_5430

    /// Starts the program in the foreground of a new terminal.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - rows: of the window, which has 80 columns.
    /// - Throws: when it cannot be started.
    init(_ arguments: [String], rows: UInt16 = 24) throws {
        let number = unsafe open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        try #require(number >= 0)
        master = OwnedFileDescriptor(adopting: number)
        var lock: Int32 = 0
        var index: UInt32 = 0
        try #require(unsafe ioctl(number, Self.setLock, &lock) == 0 && ioctl(number, Self.getNumber, &index) == 0)
        let name = "/dev/pts/\(index)"
        Self.resize(number, columns: 80, rows: rows)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        // The first terminal that a session's leader opens becomes the session's.
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, name, O_RDWR, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO)
        process = try unsafe SpawnedTool.spawn(
            arguments, environment: SpawnedTool.environment + ["TERM=xterm"], actions: &actions, flags: Self.newSession)
    }

    deinit {
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// What was shown so far.
    var shown: String { String(decoding: output, as: UTF8.self) }

    /// Waits until a text was shown, from the byte that an earlier call returned.
    ///
    /// - Returns: the byte behind it.
    @discardableResult
    func wait(for text: String, from start: Int = 0) throws -> Int {
        while true {
            let found = output[min(start, output.count)...].firstRange(of: Array(text.utf8))
            if let found { return found.upperBound }
            try #require(read(), "\(text) was not shown, but: \(shown.debugDescription)")
        }
    }

    /// Types keys.
    func type(_ keys: String) throws {
        let bytes = Array(keys.utf8)
        try #require(unsafe write(master.rawValue, bytes, bytes.count) == bytes.count)
    }

    func resize(columns: UInt16, rows: UInt16) { Self.resize(master.rawValue, columns: columns, rows: rows) }

    /// Waits until the program is stopped.
    func waitForStop() -> Bool {
        var status: Int32 = 0
        return unsafe waitpid(process, &status, WUNTRACED) == process && status & 0xFF == 0x7F
    }

    /// Waits for the end.
    ///
    /// - Returns: the exit code, or 128 and the signal.
    func wait() -> Int32 {
        while read() {}
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        isReaped = true
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    /// Whether typed keys are shown, and come line by line, as in a shell.
    var isCooked: Bool {
        var settings = termios()
        _ = unsafe tcgetattr(master.rawValue, &settings)
        return settings.c_lflag & tcflag_t(ICANON | ECHO) == tcflag_t(ICANON | ECHO)
    }

    /// False when the program has ended, or shows nothing for a long time.
    private func read() -> Bool {
        var entry = pollfd(fd: master.rawValue, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&entry, 1, SpawnedTool.patienceMilliseconds) == 1 else { return false }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe Glibc.read(master.rawValue, &buffer, buffer.count)
        output += buffer.prefix(max(0, count))
        return count > 0
    }

    private static func resize(_ number: Int32, columns: UInt16, rows: UInt16) {
        var size = winsize(ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
        _ = unsafe ioctl(number, UInt(TIOCSWINSZ), &size)
    }
}
