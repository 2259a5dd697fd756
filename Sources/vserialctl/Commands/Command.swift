import ArgumentParser
import Glibc

/// What all commands have in common.
enum Command {
    /// Runs a command's body; a failure is one line on stderr, unless it is silent, and an exit code.
    static func run(_ body: () throws(CommandFailure) -> Void) throws {
        do throws(CommandFailure) {
            try body()
        } catch {
            if !error.isSilent { printError("\(error)") }
            throw ArgumentParser.ExitCode(error.exitCode)
        }
    }

    /// One line on stderr; `onNewLine` leaves the line that somebody else has begun.
    static func printError(_ text: String, onNewLine: Bool = false) {
        let line = Array("\(onNewLine ? "\n" : "")vserialctl: \(text)\n".utf8)
        // SAFETY: the buffer is valid during the call. Nothing is left to do when nobody reads it.
        _ = unsafe line.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}
