import LinuxIO

/// The socket on which a back-end begins (SET_BACKEND_REQ_FD).
///
/// Nothing on it waits for an answer, and nothing on it blocks: at any moment the front-end may itself be waiting for
/// us on the main socket.
struct BackendChannel: ~Copyable {
    /// What became of a message.
    enum Outcome {
        /// It is on its way, the rest of it perhaps with the next ``flush()``.
        case sent
        /// The socket has no room.
        case full
        /// The front-end reads no more.
        case closed
    }

    private let stream: UnixStream
    /// The rest of a message that the socket took in part.
    private var unsent: [UInt8] = []

    init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    /// Sends a request, behind the rest of the one before.
    mutating func send(_ request: BackendRequest) throws(SystemError) -> Outcome {
        let outcome = try flush()
        guard outcome == .sent else { return outcome }
        unsent = MessageEncoder.encode(request)
        let byteCount = unsent.count
        let sent = try flush()
        if sent == .full, unsent.count == byteCount {
            // Not begun, so it need not be finished: the caller may have something better to say by then.
            unsent = []
            return .full
        }
        return sent == .closed ? .closed : .sent
    }

    /// Sends the rest of the last message, as far as the socket takes it.
    mutating func flush() throws(SystemError) -> Outcome {
        while !unsent.isEmpty {
            let outcome = try unsafe stream.send(unsent.span.bytes)
            switch outcome {
            case .bytes(let count): unsent.removeFirst(count)
            case .wouldBlock: return .full
            case .endOfFile, .reset: return .closed
            }
        }
        return .sent
    }
}
