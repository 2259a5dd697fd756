import Glibc
import LinuxIO
import SystemPackage

/// The whole window of a terminal, drawn in place. What was in it comes back in the end: when a command ends or fails,
/// by `q`, and by each signal that ends a program and can be caught; while the program is stopped (Ctrl-Z), too.
final class Screen {
    /// Why a wait has ended.
    enum Occasion {
        case timeOver, quit, windowChanged
        /// There is something to read at the other descriptor.
        case readable
    }

    /// What ends the program while the window is taken.
    let ending: EndingSignals
    private let changing: SignalFileDescriptor
    private let settings: termios
    private var isEntered = false

    private static let enter = "\u{1B}[?1049h\u{1B}[?25l"
    private static let exit = "\u{1B}[?25h\u{1B}[?1049l"

    /// Whether there is a terminal to draw on, and one to read keys from.
    static var isPossible: Bool {
        StandardOutput.isTerminal && isatty(STDIN_FILENO) == 1
            && TextStyle.isWanted(onTerminal: true, noColor: nil, terminal: Environment.value("TERM"))
    }

    /// Takes the window.
    init() throws(CommandFailure) {
        ending = try EndingSignals()
        changing = try CommandFailure.host { () throws(SystemError) in
            try SignalFileDescriptor([SIGWINCH, SIGTSTP])
        }
        var settings = termios()
        guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else {
            throw .system(SystemError(call: "tcgetattr", errno: Errno(rawValue: errno)))
        }
        self.settings = settings
        try take()
    }

    deinit { leave() }

    /// Gives the window back. Further calls do nothing.
    func leave() {
        guard isEntered else { return }
        isEntered = false
        var settings = settings
        _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        // Nothing is left to do when the terminal has gone.
        try? StandardOutput.write(Self.exit)
    }

    /// The window's size in characters; 80 × 24 where nobody knows it.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Shows lines in place of what was there. They fit into the window.
    func show(_ lines: [String]) throws(CommandFailure) {
        // Line by line over the old text, and not after clearing it: that would flicker.
        let text = lines.map { $0 + "\u{1B}[K" }.joined(separator: "\r\n")
        try StandardOutput.write("\u{1B}[H" + text + "\u{1B}[J")
    }

    /// Waits for keys, signals, the deadline and one more descriptor.
    ///
    /// - Throws: ``CommandFailure/interrupted(signal:)``.
    func wait(until deadline: Deadline, also other: Int32) throws(CommandFailure) -> Occasion {
        var entries = [ending.descriptor, changing.rawValue, STDIN_FILENO, other]
            .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while !deadline.hasPassed {
            guard unsafe poll(&entries, nfds_t(entries.count), deadline.remainingMilliseconds) > 0 else { continue }
            if entries[0].revents != 0 { try ending.check() }
            if entries[1].revents != 0 {
                if try changeSignal() == SIGTSTP { try pause() }
                return .windowChanged
            }
            if entries[2].revents != 0, isQuitTyped() { return .quit }
            if entries[3].revents != 0 { return .readable }
        }
        return .timeOver
    }

    private func take() throws(CommandFailure) {
        isEntered = true
        var raw = settings
        // Keys come one by one and are not shown; those that make signals still do.
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &raw)
        try StandardOutput.write(Self.enter)
    }

    /// Stops, as Ctrl-Z asks, until the shell goes on with it.
    private func pause() throws(CommandFailure) {
        leave()
        _ = kill(getpid(), SIGSTOP)
        try take()
    }

    private func changeSignal() throws(CommandFailure) -> Int32? {
        do throws(SystemError) {
            return try changing.read()
        } catch {
            throw .system(error)
        }
    }

    /// Whether q was typed, or the terminal has gone.
    private func isQuitTyped() -> Bool {
        var keys = [UInt8](repeating: 0, count: 64)
        let count = unsafe Glibc.read(STDIN_FILENO, &keys, keys.count)
        return count <= 0 || keys[..<count].contains { $0 == UInt8(ascii: "q") || $0 == UInt8(ascii: "Q") }
    }
}
