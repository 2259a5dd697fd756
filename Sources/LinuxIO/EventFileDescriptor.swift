import CLinux
import Glibc
import SystemPackage

/// A counter that one side adds to and the other waits for: how rings are kicked and called, and how threads wake each
/// other.
///
/// ## Concurrency
/// Every method may be called from any thread; the kernel's counter is the synchronization.
public struct EventFileDescriptor: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Makes a counter at 0, closed on `exec`. The corresponding C function is `eventfd(2)`.
    ///
    /// - Throws: ``SystemError`` when the process or the machine has no descriptor left.
    public init() throws(SystemError) {
        descriptor = OwnedFileDescriptor(
            adopting: try systemCall("eventfd") { eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK)) })
    }

    /// Takes over a counter that a front-end made.
    ///
    /// Sets `O_NONBLOCK`, which the front-end sees too: without it ``drain()`` could wait for ever when somebody else
    /// reads the same counter. QEMU's are non-blocking to begin with; libvhost-user does the same.
    ///
    /// Refuses what cannot be an eventfd because it has a file type (`fstat(2)`: anonymous inodes have none). Above all
    /// a pipe or socket without a reader, to which ``signal()`` would write and end the process with `SIGPIPE`.
    ///
    /// - Parameter descriptor: takes ownership and closes it, on failure too.
    /// - Throws: ``SystemError``, at the fault of whoever passed the descriptor; `EINVAL` when it is no eventfd.
    public init(adopting descriptor: consuming OwnedFileDescriptor) throws(SystemError) {
        let rawValue = descriptor.rawValue
        var status = stat()
        try systemCall("fstat") { unsafe fstat(rawValue, &status) }
        guard status.st_mode & S_IFMT == 0 else { throw SystemError(call: "fstat", errno: .invalidArgument) }
        try descriptor.setNonBlocking()
        self.descriptor = descriptor
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Adds 1. The corresponding C function is `write(2)`.
    ///
    /// A counter at its maximum (`EAGAIN`) is success: the other side has an event pending, and one is as good as many.
    ///
    /// - Throws: ``SystemError``; on a counter of a front-end at its fault.
    public func signal() throws(SystemError) {
        var one: UInt64 = 1
        let outcome = retryingOnInterrupt { unsafe write(rawValue, &one, MemoryLayout<UInt64>.size) }
        guard case .failure(let errno) = outcome, errno != .wouldBlock else { return }
        throw SystemError(call: "write", errno: errno)
    }

    /// Sets the counter to 0. The corresponding C function is `read(2)`. Never waits.
    ///
    /// - Returns: whether it was above 0.
    /// - Throws: ``SystemError``; on a counter of a front-end at its fault. Take it out of the ``Epoll`` then, or it
    ///   reports for ever.
    public func drain() throws(SystemError) -> Bool {
        var count: UInt64 = 0
        switch retryingOnInterrupt({ unsafe read(rawValue, &count, MemoryLayout<UInt64>.size) }) {
        // End of file: some other kind of anonymous inode. It would be readable for ever.
        case .success(0): throw SystemError(call: "read", errno: .invalidArgument)
        case .success: return true
        case .failure(.wouldBlock): return false
        case .failure(let errno): throw SystemError(call: "read", errno: errno)
        }
    }
}
