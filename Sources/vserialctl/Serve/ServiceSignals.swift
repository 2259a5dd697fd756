import Glibc
import LinuxIO

/// The signals that concern a command which serves a port: those that end it, and the end of its program.
final class ServiceSignals {
    private let signals: SignalFileDescriptor

    /// Blocks them, for as long as the program runs.
    init() throws(CommandFailure) {
        signals = try CommandFailure.host { () throws(SystemError) in
            try SignalFileDescriptor([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD])
        }
    }

    /// For poll(2); borrowed.
    var descriptor: Int32 { signals.rawValue }

    /// Throws ``CommandFailure/interrupted(signal:)`` when one has come that ends the command. The end of a program is
    /// no more than a reason to look.
    func check() throws(CommandFailure) {
        while let signal = try next() {
            if signal != SIGCHLD { throw .interrupted(signal: signal) }
        }
    }

    private func next() throws(CommandFailure) -> Int32? {
        do throws(SystemError) {
            return try signals.read()
        } catch {
            throw .system(error)
        }
    }
}
