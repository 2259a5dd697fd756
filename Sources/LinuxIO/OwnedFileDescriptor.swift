import Glibc

/// A file descriptor with one owner, closed when the owner lets go of it.
///
/// The compiler refuses a copy, so a descriptor can neither leak nor be closed twice, which in a process full of
/// descriptors would close somebody else's.
public struct OwnedFileDescriptor: ~Copyable, Sendable {
    /// The number, for calls that borrow it. Never close it, and never keep it longer than the owner.
    public let rawValue: Int32

    /// Takes ownership of an open descriptor.
    ///
    /// - Parameter rawValue: an open descriptor that nobody else closes; not negative.
    public init(adopting rawValue: Int32) {
        precondition(rawValue >= 0, "a negative number is no file descriptor")
        self.rawValue = rawValue
    }

    deinit {
        // Not repeated on EINTR: Linux has released the number by then. Other errors are news about earlier writes to a
        // file; the descriptors of this package are none whose data could be lost that way.
        _ = close(rawValue)
    }

    /// Gives ownership away: the descriptor stays open and the caller must see to it that it is closed.
    ///
    /// - Returns: the number.
    public consuming func release() -> Int32 {
        let rawValue = rawValue
        discard self
        return rawValue
    }

    /// Opens a second descriptor for the same open file, closed on `exec`.
    ///
    /// The two share offset and status flags, `O_NONBLOCK` among them. The corresponding C function is `fcntl(2)` with
    /// `F_DUPFD_CLOEXEC`.
    ///
    /// - Returns: the new descriptor; the caller owns it.
    /// - Throws: ``SystemError`` when the process has no descriptor left (`EMFILE`).
    public func duplicate() throws(SystemError) -> OwnedFileDescriptor {
        // 3, so that a daemon started without standard streams does not get one of their numbers.
        let copy = try systemCall("fcntl(F_DUPFD_CLOEXEC)") { fcntl(rawValue, F_DUPFD_CLOEXEC, 3) }
        return OwnedFileDescriptor(adopting: copy)
    }

    /// Sets `O_NONBLOCK` and keeps the other status flags.
    ///
    /// Status flags belong to the open file, so every process that shares it sees the change. The corresponding C
    /// function is `fcntl(2)` with `F_GETFL` and `F_SETFL`.
    ///
    /// - Throws: ``SystemError``; `EBADF` when the descriptor is an `O_PATH` one.
    public func setNonBlocking() throws(SystemError) {
        let flags = try systemCall("fcntl(F_GETFL)") { fcntl(rawValue, F_GETFL) }
        guard flags & O_NONBLOCK == 0 else { return }
        try systemCall("fcntl(F_SETFL)") { fcntl(rawValue, F_SETFL, flags | O_NONBLOCK) }
    }

    /// Sets `FD_CLOEXEC`: a program that this process becomes or starts does not inherit the descriptor.
    ///
    /// The corresponding C function is `fcntl(2)` with `F_SETFD`.
    ///
    /// - Throws: ``SystemError``.
    public func setCloseOnExec() throws(SystemError) {
        try systemCall("fcntl(F_SETFD)") { fcntl(rawValue, F_SETFD, FD_CLOEXEC) }
    }
}
