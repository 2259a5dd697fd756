import Glibc
public import LinuxIO

/// The front-end's end of a vhost-user connection, for tests of a back-end.
///
/// Written from the specification, with packing and unpacking of its own: a mistake that encoder and decoder share
/// would not show in a test that used them. It sends what it is told to, however wrong, in whatever pieces.
public struct FakeFrontend: ~Copyable {
    /// What a back-end answered.
    public struct Answer: Equatable, Sendable {
        /// The request that is answered.
        public var request: UInt32
        /// The flags; 5, for version 1 and reply, if the back-end is right.
        public var flags: UInt32
        /// The bytes behind the header.
        public var payload: [UInt8]

        /// Makes an answer to compare with.
        public init(to request: UInt32, flags: UInt32 = 0x5, payload: [UInt8]) {
            self.request = request
            self.flags = flags
            self.payload = payload
        }

        /// The payload as one u64, when it is one.
        public var value: UInt64? {
            payload.count == 8 ? unpack(payload) : nil
        }
    }

    /// What can go wrong in a test.
    public enum Failure: Error, Equatable {
        /// The socket takes no more: the back-end does not read.
        case blocked
        /// Nothing came in time.
        case timedOut
        /// The back-end closed the connection.
        case closed
    }

    /// The connected socket.
    public let stream: UnixStream

    /// Takes over a connected socket.
    public init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    /// Sends a message, its fds with the first byte.
    ///
    /// - Parameters:
    ///   - message: anything.
    ///   - pieceByteCount: how many bytes go out with one call; all of them when nil.
    ///   - betweenPieces: called after each piece, so that a test can let the back-end read.
    /// - Throws: ``Failure/blocked``, or what the kernel or `betweenPieces` throws.
    public func send(
        _ message: FakeMessage, pieceByteCount: Int? = nil, betweenPieces: () throws -> Void = {}
    ) throws {
        var descriptors = message.descriptors
        var rest = message.bytes[...]
        repeat {
            let piece = Array(rest.prefix(pieceByteCount ?? rest.count))
            try send(bytes: piece, descriptors: descriptors)
            descriptors = []
            rest = rest.dropFirst(piece.count)
            try betweenPieces()
        } while !rest.isEmpty
    }

    /// Sends bytes that need not be a message.
    public func send(bytes: [UInt8], descriptors: [Int32] = []) throws {
        let outcome = try unsafe bytes.withUnsafeBytes { try unsafe stream.send($0, descriptors: descriptors) }
        guard outcome == .bytes(bytes.count) else { throw Failure.blocked }
    }

    /// Waits for an answer.
    public func receive(timeoutMilliseconds: Int32 = 5000) throws -> Answer {
        let header = try receive(byteCount: 12, timeoutMilliseconds)
        let byteCount: UInt32 = unpack(Array(header[8..<12]))
        return Answer(
            to: unpack(Array(header[0..<4])), flags: unpack(Array(header[4..<8])),
            payload: try receive(byteCount: Int(byteCount), timeoutMilliseconds))
    }

    /// Whether nothing can be read at this moment: no answer, and no end.
    public var isQuiet: Bool {
        var entry = pollfd(fd: stream.rawValue, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) == 0
    }

    private func receive(byteCount: Int, _ timeoutMilliseconds: Int32) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        var received = 0
        while received < byteCount {
            var entry = pollfd(fd: stream.rawValue, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&entry, 1, timeoutMilliseconds) > 0 else { throw Failure.timedOut }
            let count = unsafe bytes.withUnsafeMutableBytes {
                unsafe recv(stream.rawValue, $0.baseAddress?.advanced(by: received), byteCount - received, 0)
            }
            guard count > 0 else { throw Failure.closed }
            received += count
        }
        return bytes
    }
}

/// Two connected sockets, as numbers that the caller owns.
public func makeSocketPair() -> (first: Int32, second: Int32) {
    var numbers: [Int32] = [-1, -1]
    let result = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &numbers)
    precondition(result == 0, "a test has no socket pair")
    return (numbers[0], numbers[1])
}

/// The bytes of an integer as they are in memory.
public func pack<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

/// The integer whose bytes in memory these are.
public func unpack<Value: FixedWidthInteger>(_ bytes: [UInt8]) -> Value {
    unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: Value.self) }
}
