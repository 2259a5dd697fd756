import Glibc
import LinuxIO

/// A client's socket that keeps records apart (SOCK_SEQPACKET): a chain of the guest is one record, and a record of the
/// client begins in a buffer of its own.
///
/// A record is read whole before the guest gets its first byte: of one that is too large it gets nothing.
struct RecordChannel: PortChannel, ~Copyable {
    /// The largest record either way, in bytes.
    static let maximumByteCount = 64 << 10

    private let socket: UnixStream
    private let stage = RecordStage()

    init(_ socket: consuming UnixStream) {
        self.socket = socket
    }

    var inputDescriptor: Int32? { socket.rawValue }
    var outputDescriptor: Int32? { socket.rawValue }

    /// Sends one record: all of it, or nothing.
    func send(_ pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome { try unsafe socket.send(pieces) }

    /// The rest of the record in hand, or the next one; `bytes(0)` for one of no bytes, or one that is refused.
    func receive(into pieces: UnsafeBufferPointer<iovec>) throws(SystemError) -> IOOutcome {
        if stage.isEmpty {
            let outcome = try stage.fill(from: socket)
            guard case .bytes = outcome else { return outcome }
        }
        return .bytes(unsafe stage.take(into: pieces))
    }

    func unreadByteCount() throws(SystemError) -> Int { stage.count + (try socket.unreadByteCount()) }
    func endSending() throws(SystemError) { try socket.shutdownSend() }

    /// How many bytes of records were refused as too large since the last time.
    func takeRefusedByteCount() -> Int {
        stage.takeRefusedByteCount()
    }

    /// Forgets what is left of a record that the guest has begun to read; returns how many bytes that was.
    func dropBegunRecord() -> Int {
        stage.dropBegun()
    }
}

/// One record between the client's socket and the guest's buffers.
///
/// A class, so that it can be filled by a channel that is only borrowed.
///
/// ## Concurrency
/// Its channel's, on the device thread.
private final class RecordStage {
    private var bytes = [UInt8](repeating: 0, count: RecordChannel.maximumByteCount)
    private var start = 0
    private var end = 0
    private var refused = 0

    var isEmpty: Bool { start == end }
    var count: Int { end - start }

    func takeRefusedByteCount() -> Int {
        defer { refused = 0 }
        return refused
    }

    /// Reads the next record; empty afterwards for one that is refused.
    func fill(from socket: borrowing UnixStream) throws(SystemError) -> IOOutcome {
        (start, end) = (0, 0)
        let outcome = try socket.receiveRecord(&bytes)
        guard case .bytes(let byteCount) = outcome else { return outcome }
        if byteCount <= bytes.count {
            end = byteCount
        } else {
            refused += byteCount
        }
        return outcome
    }

    /// Forgets the rest of what was taken in part.
    func dropBegun() -> Int {
        guard start > 0 else { return 0 }
        defer { start = end }
        return count
    }

    /// Copies as much as there is room for; returns how many bytes.
    func take(into pieces: UnsafeBufferPointer<iovec>) -> Int {
        let former = start
        for index in 0..<pieces.count where !isEmpty {
            let piece = unsafe pieces[index]
            let length = unsafe min(piece.iov_len, count)
            unsafe bytes.withUnsafeBytes { record in
                // SAFETY: `length` bytes are left of the record, and the caller's piece has as many.
                unsafe UnsafeMutableRawBufferPointer(start: piece.iov_base, count: length)
                    .copyMemory(from: UnsafeRawBufferPointer(rebasing: record[start..<start + length]))
            }
            start += length
        }
        return start - former
    }
}
