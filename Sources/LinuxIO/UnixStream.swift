import CLinux
public import Glibc
import SystemPackage

/// One end of a connection over a UNIX socket, of bytes or of records. No method ever waits, and none raises `SIGPIPE`.
///
/// The bytes usually lie in guest memory, so the main methods take lists of segments and move them in one system call,
/// without a copy in between.
///
/// ## Concurrency
/// Every method may be called from any thread; two that receive, or two that send, at the same time get their bytes in
/// an order nobody knows.
public struct UnixStream: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Not the socket's `O_NONBLOCK` but a flag of each call: the other holders of an inherited socket are not affected
    /// by it.
    private static let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)

    /// Takes over a connected socket.
    ///
    /// - Parameter descriptor: takes ownership and closes it with this value.
    public init(adopting descriptor: consuming OwnedFileDescriptor) {
        self.descriptor = descriptor
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Gives the socket away, still connected.
    ///
    /// - Returns: the descriptor, now the caller's.
    public consuming func takeDescriptor() -> OwnedFileDescriptor { descriptor }

    /// Connects to a listening socket; closed on `exec`. The corresponding C function is `connect(2)`.
    ///
    /// - Parameters:
    ///   - address: where somebody listens.
    ///   - type: what the listener's socket carries.
    /// - Returns: the connection.
    /// - Throws: ``SystemError``; `ENOENT` when nothing is there, `ECONNREFUSED` when nobody listens, `EAGAIN` when the
    ///   backlog is full, `EPROTOTYPE` when the listener's socket carries something else.
    public static func connect(
        to address: UnixAddress, type: UnixSocketType = .stream
    ) throws(SystemError) -> UnixStream {
        let socket = try makeUnixSocket(type)
        _ = try unsafe address.withSocketAddress { (pointer, length) throws(SystemError) in
            // SAFETY: pointer and length are good for the duration of the closure.
            try systemCall("connect") { unsafe Glibc.connect(socket.rawValue, pointer, length) }
        }
        return UnixStream(adopting: socket)
    }

    /// Sends bytes gathered from many segments. The corresponding C function is `sendmsg(2)`, called once.
    ///
    /// - Parameter vectors: at most 1024 segments (`UIO_MAXIOV`), which the caller keeps alive during the call; lengths
    ///   in bytes.
    /// - Returns: `bytes` (possibly fewer than given: the buffer is full now), `wouldBlock` or `reset`.
    /// - Throws: ``SystemError``; `EFAULT` when a segment lies in memory that went away, `EMSGSIZE` for too many
    ///   segments.
    public func send(_ vectors: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        var message = unsafe msghdr()
        // sendmsg(2) only reads the list; the structure has one type for both directions.
        unsafe message.msg_iov = UnsafeMutablePointer(mutating: vectors.baseAddress)
        unsafe message.msg_iovlen = vectors.count
        // SAFETY: the caller's list is good for `count` segments; the kernel checks where each of them leads.
        return try Self.sendOutcome(retryingOnInterrupt { unsafe sendmsg(rawValue, &message, Self.flags) }, "sendmsg")
    }

    /// Receives bytes and scatters them over many segments. The corresponding C function is `recvmsg(2)`, called once.
    ///
    /// Descriptors that come along are closed.
    ///
    /// - Parameter vectors: at most 1024 segments (`UIO_MAXIOV`), which the caller keeps alive during the call; lengths
    ///   in bytes.
    /// - Returns: `bytes`, `wouldBlock`, `endOfFile` or `reset`; `bytes(0)` when there is no room in any segment,
    ///   whatever waits.
    /// - Throws: ``SystemError``; `EFAULT` when a segment lies in memory that went away, `EMSGSIZE` for too many
    ///   segments.
    public func receive(into vectors: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        var message = unsafe msghdr()
        unsafe message.msg_iov = UnsafeMutablePointer(mutating: vectors.baseAddress)
        unsafe message.msg_iovlen = vectors.count
        // SAFETY: as in send(_:).
        let outcome = try Self.receiveOutcome(
            retryingOnInterrupt { unsafe recvmsg(rawValue, &message, Self.flags) }, "recvmsg")
        // recvmsg(2) says 0 for "no room" as well. A guest can offer buffers of no bytes: that must not pass for the
        // end of the client.
        guard outcome == .endOfFile, unsafe vectors.allSatisfy({ unsafe $0.iov_len == 0 }) else { return outcome }
        return .bytes(0)
    }

    /// Sends a small message. The corresponding C function is `send(2)`, called once.
    ///
    /// - Parameter bytes: borrowed for the call.
    /// - Returns: `bytes` (possibly fewer than given), `wouldBlock` or `reset`.
    /// - Throws: ``SystemError``.
    public func send(_ bytes: RawSpan) throws(SystemError) -> IOOutcome {
        let result = unsafe bytes.withUnsafeBytes { buffer in
            // SAFETY: the span keeps its bytes alive for the closure.
            retryingOnInterrupt { unsafe Glibc.send(rawValue, buffer.baseAddress, buffer.count, Self.flags) }
        }
        return try Self.sendOutcome(result, "send")
    }

    /// Receives into one piece of memory. The corresponding C function is `recv(2)`, called once.
    ///
    /// Descriptors that come along are closed.
    ///
    /// - Parameter buffer: filled from its start.
    /// - Returns: `bytes`, `wouldBlock`, `endOfFile` or `reset`; `bytes(0)` when the buffer has no room, whatever
    ///   waits.
    /// - Throws: ``SystemError``.
    public func receive(into buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> IOOutcome {
        guard buffer.count > 0 else { return .bytes(0) }
        // SAFETY: the caller's buffer is good for `count` bytes.
        let result = retryingOnInterrupt { unsafe recv(rawValue, buffer.baseAddress, buffer.count, Self.flags) }
        return try Self.receiveOutcome(result, "recv")
    }

    /// Receives one record of a `SOCK_SEQPACKET` socket. The corresponding C function is `recv(2)` with `MSG_TRUNC`.
    ///
    /// - Parameter buffer: filled from its start; of a record that is larger, with its beginning, and the rest is gone.
    /// - Returns: `bytes`, how many the record has, perhaps more than the buffer, and 0 for an empty one; else as with
    ///   ``receive(into:)-(UnsafeMutableRawBufferPointer)``.
    /// - Throws: ``SystemError``.
    public func receiveRecord(_ buffer: inout [UInt8]) throws(SystemError) -> IOOutcome {
        let result = unsafe buffer.withUnsafeMutableBytes { buffer in
            // SAFETY: the array keeps its bytes for the closure.
            retryingOnInterrupt {
                unsafe recv(rawValue, buffer.baseAddress, buffer.count, Self.flags | Int32(MSG_TRUNC))
            }
        }
        let outcome = try Self.receiveOutcome(result, "recv")
        // recv(2) says 0 for an empty record as well as for the end.
        guard outcome == .endOfFile, try !isAtEnd() else { return outcome }
        return .bytes(0)
    }

    /// Whether the peer sends no more, and nothing that it sent is left. The C functions are `poll(2)` and `ioctl(2)`.
    private func isAtEnd() throws(SystemError) -> Bool {
        // POLLRDHUP, which is behind _GNU_SOURCE, has epoll's number.
        let halfClosed = Int16(truncatingIfNeeded: EPOLLRDHUP.rawValue)
        var entry = pollfd(fd: rawValue, events: halfClosed, revents: 0)
        try systemCall("poll") { unsafe poll(&entry, 1, 0) }
        guard entry.revents & (halfClosed | Int16(POLLHUP)) != 0 else { return false }
        return try unreadByteCount() == 0
    }

    /// Sorts what a call that sends came to.
    static func sendOutcome(_ result: Result<Int, Errno>, _ call: String) throws(SystemError) -> IOOutcome {
        switch result {
        case .success(let byteCount): return .bytes(byteCount)
        case .failure(.wouldBlock): return .wouldBlock
        case .failure(.brokenPipe), .failure(.connectionReset): return .reset
        case .failure(let errno): throw SystemError(call: call, errno: errno)
        }
    }

    /// Sorts what a call that receives, with room for at least one byte, came to.
    static func receiveOutcome(_ result: Result<Int, Errno>, _ call: String) throws(SystemError) -> IOOutcome {
        switch result {
        case .success(0): return .endOfFile
        case .success(let byteCount): return .bytes(byteCount)
        case .failure(.wouldBlock): return .wouldBlock
        case .failure(.connectionReset): return .reset
        case .failure(let errno): throw SystemError(call: call, errno: errno)
        }
    }
}
