import Glibc
import LinuxIO

/// The signals that end a program, to be waited for beside everything else: for whoever has something to put in order
/// first. They are blocked for as long as the program runs.
final class EndingSignals {
    private let signals: SignalFileDescriptor

    /// Blocks them.
    init() throws(CommandFailure) {
        signals = try CommandFailure.host { () throws(SystemError) in
            try SignalFileDescriptor([SIGINT, SIGTERM, SIGHUP, SIGQUIT])
        }
    }

    /// For poll(2); borrowed.
    var descriptor: Int32 { signals.rawValue }

    /// Throws ``CommandFailure/interrupted(signal:)`` when one has come.
    func check() throws(CommandFailure) {
        let signal: Int32?
        do throws(SystemError) {
            signal = try signals.read()
        } catch {
            throw .system(error)
        }
        if let signal { throw .interrupted(signal: signal) }
    }
}
