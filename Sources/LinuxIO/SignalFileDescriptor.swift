import CLinux
import Glibc
import SystemPackage

/// Signals as something to read, in place of handlers that may run at any instruction.
///
/// ## Concurrency
/// The signals are blocked for the calling thread, and threads inherit that from the one that starts them. Make this
/// before the first thread, or the kernel delivers to one that does not block them.
public struct SignalFileDescriptor: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Blocks signals for the calling thread and makes them readable instead; closed on `exec`.
    ///
    /// The corresponding C functions are `pthread_sigmask(3)` and `signalfd(2)`. The signals stay blocked when this
    /// value is gone.
    ///
    /// - Parameter signals: numbers such as `SIGTERM`; not `SIGKILL`, `SIGSTOP`, nor those that mean a fault.
    /// - Throws: ``SystemError``; `EINVAL` for a number that is no signal.
    public init(_ signals: [Int32]) throws(SystemError) {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals {
            try systemCall("sigaddset") { unsafe sigaddset(&set, signal) }
        }
        // Blocked first: a signal between the two calls then waits for the descriptor.
        let code = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
        guard code == 0 else { throw SystemError(call: "pthread_sigmask", errno: Errno(rawValue: code)) }
        let flags = Int32(SFD_CLOEXEC | SFD_NONBLOCK)
        descriptor = OwnedFileDescriptor(adopting: try systemCall("signalfd") { unsafe signalfd(-1, &set, flags) })
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Takes one pending signal. The corresponding C function is `read(2)`. Never waits.
    ///
    /// - Returns: its number, or `nil` when none is pending.
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    public func read() throws(SystemError) -> Int32? {
        var information = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        switch retryingOnInterrupt({ unsafe Glibc.read(rawValue, &information, size) }) {
        // The kernel returns whole records only, and this asks for one.
        case .success: return Int32(bitPattern: information.ssi_signo)
        case .failure(.wouldBlock): return nil
        case .failure(let errno): throw SystemError(call: "read", errno: errno)
        }
    }
}
