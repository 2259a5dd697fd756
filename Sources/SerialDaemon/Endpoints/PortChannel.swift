import Glibc
import LinuxIO
import Virtio

/// What a port's bytes go through while somebody is at its other side.
///
/// The one protocol between a port and its endpoint. A new kind of endpoint is a type that conforms, and a case of
/// ``ClientChannel``, which calls it directly: bytes go between guest memory and the descriptor in one system call,
/// through no existential.
///
/// No method waits.
protocol PortChannel: ~Copyable {
    /// Readable when ``receive(into:)`` has something; nil when that cannot be waited for. Borrowed.
    var inputDescriptor: Int32? { get }
    /// Writable when ``send(_:)`` takes something; nil when that cannot be waited for. The same number as
    /// ``inputDescriptor`` when one descriptor serves both ways, and tells of a hang-up. Borrowed.
    var outputDescriptor: Int32? { get }

    /// Sends what the pieces hold, as much as goes.
    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome
    /// Fills the pieces with what has come.
    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome
    /// How many bytes ``receive(into:)`` could give now.
    func unreadByteCount() throws(SystemError) -> Int
    /// Lets the other side see the end of what is sent, where that is possible.
    func endSending() throws(SystemError)
}

extension PortChannel where Self: ~Copyable {
    /// Sends the guest's buffers.
    @inline(__always)
    func send(_ vectors: borrowing IOVectors) throws(SystemError) -> IOOutcome {
        try unsafe vectors.withPieces { (pieces) throws(SystemError) in try unsafe send(pieces) }
    }

    /// Sends bytes that were kept.
    func send(_ kept: borrowing ReplayBuffer) throws(SystemError) -> IOOutcome {
        try unsafe kept.withPieces { (pieces) throws(SystemError) in try unsafe send(pieces) }
    }

    /// Fills the guest's buffers.
    @inline(__always)
    func receive(into vectors: borrowing IOVectors) throws(SystemError) -> IOOutcome {
        try unsafe vectors.withPieces { (pieces) throws(SystemError) in try unsafe receive(into: pieces) }
    }
}

/// A client's socket: the usual way.
extension UnixStream: PortChannel {
    var inputDescriptor: Int32? { rawValue }
    var outputDescriptor: Int32? { rawValue }
    func endSending() throws(SystemError) { try shutdownSend() }
}
