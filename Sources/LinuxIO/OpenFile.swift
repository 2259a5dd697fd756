public import Glibc
import SystemPackage

/// One end of something that is read and written like a file and is no socket: a terminal, a FIFO, a regular file. Of
/// what can wait, no method ever does. Writing where nobody reads any more raises `SIGPIPE`: ignore it.
///
/// ## Concurrency
/// As with ``UnixStream``.
public struct OpenFile: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Whether it is a regular file.
    public let isRegular: Bool

    /// Takes over an open file that does not block.
    ///
    /// - Parameter descriptor: takes ownership and closes it, on failure too.
    /// - Throws: ``SystemError``, what fstat(2) failed with.
    public init(adopting descriptor: consuming OwnedFileDescriptor) throws(SystemError) {
        var status = stat()
        let number = descriptor.rawValue
        try systemCall("fstat") { unsafe fstat(number, &status) }
        isRegular = status.st_mode & S_IFMT == S_IFREG
        self.descriptor = descriptor
    }

    /// Opens a path; closed on `exec`, never blocking. The corresponding C function is `open(2)`.
    ///
    /// - Parameters:
    ///   - path: what is there; with `O_CREAT` it may be nothing.
    ///   - flags: `O_RDWR` and the like.
    ///   - mode: of a file that is made, less the umask.
    /// - Throws: ``SystemError``.
    public init(path: String, flags: Int32, mode: UInt32 = 0) throws(SystemError) {
        let number = try systemCall("open") {
            unsafe open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, mode_t(mode))
        }
        try self.init(adopting: OwnedFileDescriptor(adopting: number))
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Gives the file to somebody, with these rights. The C functions are `fchown(2)` and `fchmod(2)`.
    ///
    /// - Parameters:
    ///   - mode: permission bits.
    ///   - owner: a user's number, which takes root; nil leaves it.
    ///   - group: a group's number; nil leaves it.
    /// - Throws: ``SystemError``.
    public func setAccess(mode: UInt16, owner: UInt32?, group: UInt32?) throws(SystemError) {
        if owner != nil || group != nil {
            try systemCall("fchown") { fchown(rawValue, owner ?? uid_t.max, group ?? gid_t.max) }
        }
        try systemCall("fchmod") { fchmod(rawValue, mode_t(mode)) }
    }

    /// Empties a regular file. The C function is `ftruncate(2)`.
    ///
    /// - Throws: ``SystemError``.
    public func truncate() throws(SystemError) {
        try systemCall("ftruncate") { ftruncate(rawValue, 0) }
    }

    /// A second one of the same open file.
    ///
    /// - Throws: ``SystemError`` when the process has no descriptor left.
    public func duplicate() throws(SystemError) -> OpenFile {
        try OpenFile(adopting: try descriptor.duplicate())
    }

    /// Writes bytes gathered from many segments. The corresponding C function is `writev(2)`, called once.
    ///
    /// - Parameter vectors: as in ``UnixStream/send(_:)-(UnsafeBufferPointer<iovec>)``.
    /// - Returns: `bytes` (possibly fewer than given), `wouldBlock` or `reset`: nobody reads any more, or a terminal was
    ///   hung up (`EIO`). A disk without room is `wouldBlock`: there may be some later.
    /// - Throws: ``SystemError``; `EFAULT` when a segment lies in memory that went away.
    public func write(_ vectors: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        // SAFETY: the caller's list is good for `count` segments; the kernel checks where each of them leads.
        switch retryingOnInterrupt({ unsafe writev(rawValue, vectors.baseAddress, Int32(vectors.count)) }) {
        case .success(let byteCount): return .bytes(byteCount)
        case .failure(.wouldBlock), .failure(.noSpace), .failure(.diskQuotaExceeded): return .wouldBlock
        // A disk that fails once, or a file that may be no larger, can be better later too.
        case .failure(.ioError) where isRegular, .failure(.fileTooLarge) where isRegular: return .wouldBlock
        case .failure(.brokenPipe), .failure(.ioError): return .reset
        case .failure(let errno): throw SystemError(call: "writev", errno: errno)
        }
    }

    /// Reads bytes and scatters them over many segments. The corresponding C function is `readv(2)`, called once.
    ///
    /// - Parameter vectors: as in ``UnixStream/receive(into:)-(UnsafeBufferPointer<iovec>)``.
    /// - Returns: `bytes`, `wouldBlock` or `endOfFile`, a terminal that was hung up among the latter (`EIO`); `bytes(0)`
    ///   when there is no room in any segment.
    /// - Throws: ``SystemError``; `EFAULT` when a segment lies in memory that went away.
    public func read(into vectors: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        guard unsafe vectors.contains(where: { unsafe $0.iov_len > 0 }) else { return .bytes(0) }
        // SAFETY: as in write(_:).
        switch retryingOnInterrupt({ unsafe readv(rawValue, vectors.baseAddress, Int32(vectors.count)) }) {
        case .success(0): return .endOfFile
        case .success(let byteCount): return .bytes(byteCount)
        case .failure(.wouldBlock): return .wouldBlock
        case .failure(.ioError): return .endOfFile
        case .failure(let errno): throw SystemError(call: "readv", errno: errno)
        }
    }

    /// How many bytes can be read now. The corresponding C function is `ioctl(2)` with `FIONREAD`.
    ///
    /// - Throws: ``SystemError``.
    public func unreadByteCount() throws(SystemError) -> Int {
        var count: Int32 = 0
        try systemCall("ioctl(FIONREAD)") { unsafe ioctl(rawValue, UInt(FIONREAD), &count) }
        return Int(count)
    }
}
