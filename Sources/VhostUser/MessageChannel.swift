public import LinuxIO
import SystemPackage

/// What came of looking for a message on a ``MessageChannel``.
public enum ChannelOutcome: ~Copyable {
    /// A whole message.
    case message(ReceivedMessage)
    /// No whole message yet: wait until the socket can be read, or written when ``MessageChannel/hasUnsentBytes``.
    case needMore
    /// The front-end is gone; what it had sent of a message is dropped.
    case closed
}

/// Messages on the main socket of a front-end: finds where each begins and ends, and sends the answers.
///
/// No call blocks. A message may arrive in any pieces, down to single bytes, and its fds with any of them; a front-end
/// attaches them to the first byte. Nothing is looked into but the size: a message that makes no sense is still a
/// message, and costs nobody the connection.
///
/// A front-end has one request under way and reads the answer before the next. One that does not read is not listened
/// to either, so what waits here to be sent is never more than the answers to one message.
/// - Source: vhost-user "Message Specification", "Communication".
public struct MessageChannel: ~Copyable {
    /// The largest payload that is taken for one, in bytes.
    ///
    /// The largest that the protocol defines has 2056 (GET_SHMEM_CONFIG). Up to here a size may be nonsense and is read
    /// over; beyond, the header itself cannot have been one.
    public static let maximumPayloadByteCount = 4096

    private let stream: UnixStream
    /// The header of the message being received, once it is whole.
    private var header: MessageHeader?
    /// Header or payload, whichever is being received; of its final size.
    private var buffer = [UInt8](repeating: 0, count: MessageHeader.byteCount)
    /// How much of `buffer` was received.
    private var filledByteCount = 0
    private var descriptors = DescriptorList()
    private var descriptorsWereLost = false
    private var unsent: [UInt8] = []
    private var isClosed = false

    /// Takes over a connected socket.
    public init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    /// The socket, to be waited on.
    public var rawValue: Int32 {
        stream.rawValue
    }

    /// Whether part of an answer is still to be sent: wait until the socket can be written, then ``flush()``.
    public var hasUnsentBytes: Bool {
        !unsent.isEmpty
    }
}

// MARK: - Receiving

extension MessageChannel {
    /// Looks for the next message.
    ///
    /// Reads no byte beyond it. When some of its fds did not fit, all are closed and it has none: which ones are
    /// missing cannot be told.
    ///
    /// - Throws: ``MessageChannelError``: the connection is of no more use.
    public mutating func receive() throws(MessageChannelError) -> ChannelOutcome {
        guard unsent.isEmpty else { return .needMore }
        while true {
            switch try fill() {
            case .needMore: return .needMore
            case .closed: return .closed
            case .full: break
            }
            if let header {
                return .message(takeMessage(header))
            }
            let header = try takeHeader()
            guard header.payloadByteCount > 0 else { return .message(takeMessage(header)) }
        }
    }

    /// Whether the host is short of memory for a moment: a connection is not to be given up for that.
    private static func willPass(_ error: SystemError) -> Bool {
        error.errno == .noMemory || error.errno == .noBufferSpace
    }

    private enum Filling {
        case full, needMore, closed
    }

    /// Receives until `buffer` is full or the socket is empty.
    private mutating func fill() throws(MessageChannelError) -> Filling {
        while filledByteCount < buffer.count {
            guard !isClosed else { return .closed }
            let result: (outcome: IOOutcome, descriptorsTruncated: Bool)
            do {
                result = try Self.receive(from: stream, into: &buffer, after: filledByteCount, &descriptors)
            } catch {
                guard !Self.willPass(error) else { return .needMore }
                throw .socket(error)
            }
            // Each piece may bring fds, and a message has thousands of bytes: what is over the limit of one message, or
            // came behind such, is not kept until the message is whole.
            if result.descriptorsTruncated || descriptors.count > DescriptorList.capacity {
                descriptorsWereLost = true
            }
            if descriptorsWereLost {
                descriptors.closeAll()
            }
            switch result.outcome {
            case .bytes(let count): filledByteCount += count
            case .wouldBlock: return .needMore
            case .endOfFile, .reset: isClosed = true
            }
        }
        return .full
    }

    /// Receives into what is free of `buffer`.
    ///
    /// A function of its parts and not of the channel: each of them is borrowed on its own.
    private static func receive(
        from stream: borrowing UnixStream, into buffer: inout [UInt8], after filledByteCount: Int,
        _ descriptors: inout DescriptorList
    ) throws(SystemError) -> (outcome: IOOutcome, descriptorsTruncated: Bool) {
        var bytes = buffer.mutableSpan
        return try unsafe bytes.withUnsafeMutableBufferPointer { (whole) throws(SystemError) in
            // SAFETY: the bytes behind those that are filled, for the length of the call.
            let free = unsafe UnsafeMutableRawBufferPointer(
                rebasing: UnsafeMutableRawBufferPointer(whole)[filledByteCount...])
            return try unsafe stream.receive(into: free, descriptors: &descriptors)
        }
    }

    /// Reads the header in `buffer`, and makes room for its payload.
    private mutating func takeHeader() throws(MessageChannelError) -> MessageHeader {
        guard let header = MessageHeader(parsing: buffer),
            header.payloadByteCount <= UInt32(Self.maximumPayloadByteCount)
        else {
            isClosed = true
            let header = MessageHeader(parsing: buffer)
            throw .framingLost(request: header?.request ?? 0, payloadByteCount: header?.payloadByteCount ?? 0)
        }
        self.header = header
        buffer = [UInt8](repeating: 0, count: Int(header.payloadByteCount))
        filledByteCount = 0
        return header
    }

    /// Hands out the message whose payload is in `buffer`, and begins the next.
    private mutating func takeMessage(_ header: MessageHeader) -> ReceivedMessage {
        var taken = DescriptorList()
        swap(&taken, &descriptors)
        let message = ReceivedMessage(header: header, payload: buffer, descriptors: taken)
        self.header = nil
        buffer = [UInt8](repeating: 0, count: MessageHeader.byteCount)
        filledByteCount = 0
        descriptorsWereLost = false
        return message
    }
}

// MARK: - Sending

extension MessageChannel {
    /// Sends an answer, or as much of it as the socket takes; ``hasUnsentBytes`` says which.
    ///
    /// - Throws: ``MessageChannelError``: the connection is of no more use. A front-end that is gone is no error here:
    ///   the next ``receive()`` finds it closed.
    public mutating func send(_ reply: Reply) throws(MessageChannelError) {
        unsent += MessageEncoder.encode(reply)
        try flush()
    }

    /// Sends what is still to be sent, as far as the socket takes it.
    ///
    /// - Throws: ``MessageChannelError``, as ``send(_:)``.
    public mutating func flush() throws(MessageChannelError) {
        while !unsent.isEmpty {
            let outcome: IOOutcome
            do {
                outcome = try unsafe stream.send(unsent.span.bytes)
            } catch {
                guard !Self.willPass(error) else { return }
                throw .socket(error)
            }
            switch outcome {
            case .bytes(let count): unsent.removeFirst(count)
            case .wouldBlock: return
            case .endOfFile, .reset:
                unsent = []
                isClosed = true
            }
        }
    }
}
