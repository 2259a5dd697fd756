import Glibc
import LinuxIO

/// The terminal that a person types on. While it is raw, each key goes to the guest as it is, Ctrl-C too.
final class Terminal {
    private let descriptor: Int32
    private let found: TerminalSettings
    private(set) var isRaw = false

    /// - Parameter descriptor: borrowed.
    /// - Throws: ``CommandFailure`` when it is no terminal.
    init(_ descriptor: Int32 = STDIN_FILENO) throws(CommandFailure) {
        do {
            found = try TerminalSettings(of: descriptor)
        } catch {
            throw .system(error)
        }
        self.descriptor = descriptor
        // Else a restore from the background would stop this process half-way.
        var set = sigset_t()
        unsafe sigemptyset(&set)
        unsafe sigaddset(&set, SIGTTOU)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    deinit { restore() }

    /// Whether this process may use the terminal: another job of the shell has it otherwise.
    var isForeground: Bool { tcgetpgrp(descriptor) == getpgrp() }

    func makeRaw() throws(CommandFailure) {
        do {
            try found.raw.apply(to: descriptor)
        } catch {
            throw .system(error)
        }
        isRaw = true
    }

    /// Makes it what it was. Does nothing the second time.
    func restore() {
        guard isRaw else { return }
        // There is nobody left to tell when the terminal has gone.
        try? found.apply(to: descriptor)
        isRaw = false
    }

    /// In characters; nil when the terminal does not know.
    var size: WindowSize? {
        var size = winsize()
        guard unsafe ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return nil
        }
        return WindowSize(columns: size.ws_col, rows: size.ws_row)
    }
}

/// Of a terminal, in characters.
struct WindowSize: Equatable {
    let columns: UInt16
    let rows: UInt16
}
