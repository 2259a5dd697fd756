import Glibc
import LinuxIO

/// The signals that concern whoever sits at a terminal, to be waited for beside everything else.
final class AttachSignals {
    /// What a signal asks for.
    enum Request: Equatable {
        case end(signal: Int32)
        case suspend
        /// The process goes on after somebody stopped it.
        case resume
        case resize
    }

    private let signals: SignalFileDescriptor

    /// Blocks them, for as long as the program runs.
    init() throws(CommandFailure) {
        signals = try CommandFailure.host { () throws(SystemError) in
            try SignalFileDescriptor([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])
        }
    }

    /// For poll(2); borrowed.
    var descriptor: Int32 { signals.rawValue }

    /// What came; nil for nothing more.
    func next() throws(CommandFailure) -> Request? {
        let signal: Int32?
        do throws(SystemError) {
            signal = try signals.read()
        } catch {
            throw .system(error)
        }
        guard let signal else { return nil }
        return switch signal {
        case SIGTSTP: .suspend
        case SIGCONT: .resume
        case SIGWINCH: .resize
        default: .end(signal: signal)
        }
    }
}
