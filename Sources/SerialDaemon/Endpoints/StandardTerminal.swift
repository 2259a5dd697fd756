import Glibc
import LinuxIO

/// The terminal of standard input while a port has it: each key goes to the guest at once, and only the guest shows it.
/// Ctrl-C still ends the daemon, as with QEMU's `-chardev stdio`.
struct StandardTerminal {
    private let found: TerminalSettings
    private let processGroup: pid_t

    /// Prepares the terminal.
    ///
    /// - Returns: nil when standard input is none, or another job of the shell has it: then nothing is changed.
    /// - Throws: ``StartError``.
    static func take() throws(StartError) -> StandardTerminal? {
        let processGroup = getpgrp()
        guard tcgetpgrp(STDIN_FILENO) == processGroup else { return nil }
        do throws(SystemError) {
            let found = try TerminalSettings(of: STDIN_FILENO)
            try found.keyByKey.apply(to: STDIN_FILENO)
            return StandardTerminal(found: found, processGroup: processGroup)
        } catch {
            throw .endpoint(owner: "kind=stdio", "cannot have keys passed on one by one", error)
        }
    }

    /// Makes it what it was, unless another job has it meanwhile.
    func giveBack() {
        guard tcgetpgrp(STDIN_FILENO) == processGroup else { return }
        // There is nobody left to tell when the terminal has gone.
        try? found.apply(to: STDIN_FILENO)
    }
}
