import Glibc
import SystemPackage

/// How a terminal treats what is typed and what is shown (`termios(3)`).
public struct TerminalSettings: Sendable {
    private var settings: termios

    /// Those that a terminal has now. The C function is `tcgetattr(3)`.
    ///
    /// - Parameter descriptor: borrowed.
    /// - Throws: ``SystemError``; `ENOTTY` when it is no terminal.
    public init(of descriptor: Int32) throws(SystemError) {
        var settings = termios()
        try systemCall("tcgetattr") { unsafe tcgetattr(descriptor, &settings) }
        self.settings = settings
    }

    /// Every byte as it is, in both directions, at once.
    public var raw: TerminalSettings {
        var changed = self
        unsafe cfmakeraw(&changed.settings)
        return changed
    }

    /// Every key as it is and at once, and not shown; but those that send signals still do, and what programs show looks
    /// as it did.
    public var keyByKey: TerminalSettings {
        var changed = raw
        changed.settings.c_oflag = settings.c_oflag
        changed.settings.c_lflag |= settings.c_lflag & tcflag_t(ISIG)
        return changed
    }

    /// Gives them to a terminal, without waiting until it has shown what it has. The C function is `tcsetattr(3)`.
    ///
    /// - Parameter descriptor: borrowed.
    /// - Throws: ``SystemError``; `EIO` when the terminal has gone.
    public func apply(to descriptor: Int32) throws(SystemError) {
        var settings = settings
        // Not TCSADRAIN: a terminal whose output stands still would be waited for without end.
        try systemCall("tcsetattr") { unsafe tcsetattr(descriptor, TCSANOW, &settings) }
    }
}
