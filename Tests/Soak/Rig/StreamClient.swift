import DriverTestSupport
import Glibc
import LinuxIO
import MachineTestSupport

/// A client of a port's socket that sends the ``StreamPattern`` and can tell whether it gets it.
@safe
final class StreamClient {
    private let stream: UnixStream
    // SAFETY: allocated in `init`, freed in `deinit`, and never handed on beyond a call.
    private let buffer: UnsafeMutableRawBufferPointer

    private(set) var sentByteCount: UInt64 = 0
    private(set) var receivedByteCount: UInt64 = 0
    /// Where the first wrong byte was.
    private(set) var mismatch: UInt64?
    /// Whether the daemon has ended the connection.
    private(set) var hasEnded = false
    /// Whether the last send found the socket full.
    private(set) var isFull = false

    static let pieceByteCount = 65536

    /// Connects, and lets `meanwhile` go on while the listener's queue is full.
    init(to path: String, meanwhile: () throws -> Void = { Deadline.pause(.microseconds(100)) }) throws {
        stream = try Self.connect(to: path, meanwhile)
        unsafe buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.pieceByteCount, alignment: 8)
    }

    deinit { unsafe buffer.deallocate() }

    private static func connect(to path: String, _ meanwhile: () throws -> Void) throws -> UnixStream {
        let deadline = Deadline(within: .seconds(10))
        while true {
            do {
                return try UnixStream.connect(to: UnixAddress(path))
            } catch let error as SystemError {
                try expect(!deadline.hasPassed, "no connection to \(path): \(error)")
                try meanwhile()
            }
        }
    }

    /// Borrowed.
    var descriptor: Int32 { stream.rawValue }

    /// Begins a new stream each way.
    func restart() {
        sentByteCount = 0
        receivedByteCount = 0
        mismatch = nil
    }

    /// Receives what is there, up to `limit` bytes; returns how many.
    @discardableResult
    func receive(upTo limit: Int = StreamClient.pieceByteCount, verifying: Bool = false) throws -> Int {
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(limit, buffer.count)])
        switch try unsafe stream.receive(into: room) {
        case .bytes(let count):
            if verifying, mismatch == nil, let base = unsafe buffer.baseAddress {
                mismatch = unsafe StreamPattern.firstMismatch(base, count, at: receivedByteCount)
            }
            receivedByteCount += UInt64(count)
            return count
        case .wouldBlock: break
        case .endOfFile, .reset: hasEnded = true
        }
        return 0
    }

    /// Sends the next bytes of the stream, as many as go of `limit`; returns how many.
    @discardableResult
    func send(upTo limit: Int = StreamClient.pieceByteCount) throws -> Int {
        let count = unsafe min(limit, buffer.count)
        guard let base = unsafe buffer.baseAddress else { return 0 }
        unsafe StreamPattern.fill(base, count, at: sentByteCount)
        let bytes = unsafe RawSpan(_unsafeStart: base, byteCount: count)
        let outcome = try stream.send(bytes)
        isFull = outcome != .bytes(count)
        guard case .bytes(let sent) = outcome else {
            hasEnded = hasEnded || outcome == .reset
            return 0
        }
        sentByteCount += UInt64(sent)
        return sent
    }

    func shutdownSend() throws { try stream.shutdownSend() }
}
