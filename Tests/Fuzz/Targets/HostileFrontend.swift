import Glibc
import LinuxIO
import VirtioTestSupport

/// The front-end's end of a connection, which says what the input has it say.
struct HostileFrontend: ~Copyable {
    private let stream: UnixStream
    private let files: FrontendFiles
    /// Requests that were sent and not answered, in order.
    private var unanswered: [UInt32] = []
    /// Whether all that was sent so far were whole messages.
    private var isFramed = true
    private var received: [UInt8] = []

    init(_ stream: consuming UnixStream, _ files: FrontendFiles) {
        self.stream = stream
        self.files = files
    }

    mutating func act(_ source: inout ByteSource) throws(OracleFailure) {
        switch source.choose(16) {
        case 0:
            for message in source.nextNegotiation() { send(message) }
        case 1:
            for message in source.nextRingStart(memory: files.numbers[0], event: files.numbers[3]) { send(message) }
        case 2: files.write(source.take(1 + source.choose(16)), at: Int(source.next(UInt16.self)))
        case 3:
            let file = source.choose(FrontendFiles.memoryByteCounts.count)
            files.cut(file, toByteCount: UInt64(source.next(UInt16.self)))
        case 4:
            isFramed = false
            _ = sendRaw(source.take(1 + source.choose(24)), attached(&source))
        case 5: try? stream.shutdownSend()
        default:
            var message = source.nextMessage()
            message.descriptors = source.choose(4) == 0 ? attached(&source) : expectedDescriptors(message, &source)
            send(message, cutAt: source.choose(8) == 0 ? source.choose(64) : nil)
        }
    }

    // MARK: Sending

    /// Any descriptors, now and then more than a message may have.
    private func attached(_ source: inout ByteSource) -> [Int32] {
        let count = source.choose(8) == 0 ? source.choose(40) : source.choose(4)
        return (0..<count).map { _ in source.choose(from: files.numbers) }
    }

    /// As many as the request needs, mostly of the kind that it needs.
    private func expectedDescriptors(_ message: FakeMessage, _ source: inout ByteSource) -> [Int32] {
        let memory = Array(files.numbers[..<3])
        switch message.request {
        case 5: return (0..<max(0, message.payload.count - 8) / 32).map { _ in source.choose(from: memory) }
        case 37: return [source.choose(from: memory)]
        case 12, 13, 14:
            let hasDescriptor = message.payload.dropFirst().first.map { $0 & 1 == 0 } ?? false
            return hasDescriptor ? [files.numbers[3 + source.choose(8)]] : []
        case 21: return [source.choose(from: files.numbers)]
        default: return []
        }
    }

    /// Sends a message, in two pieces if asked to; the back-end sees both at once.
    private mutating func send(_ message: FakeMessage, cutAt cut: Int? = nil) {
        let bytes = message.bytes
        let first = min(cut ?? bytes.count, bytes.count)
        let isSent = sendRaw(Array(bytes[..<first]), message.descriptors) && sendRaw(Array(bytes[first...]), [])
        isFramed = isFramed && isSent && message.announcedByteCount == nil
        unanswered.append(message.request)
    }

    /// Sends bytes; false when the socket is full or closed, or does not take so many descriptors.
    private func sendRaw(_ bytes: [UInt8], _ descriptors: [Int32]) -> Bool {
        guard !bytes.isEmpty else { return true }
        let outcome = unsafe bytes.withUnsafeBytes { try? unsafe stream.send($0, descriptors: descriptors) }
        return outcome == .bytes(bytes.count)
    }

    // MARK: Answers

    /// Reads what there is; a whole answer must be one.
    mutating func readAnswers() throws(OracleFailure) {
        var buffer = [UInt8](repeating: 0, count: 8192)
        let outcome = unsafe buffer.withUnsafeMutableBytes { try? unsafe stream.receive(into: $0) }
        if case .bytes(let count)? = outcome {
            received += buffer.prefix(count)
        }
        while received.count >= 12 {
            let request: UInt32 = unpack(Array(received[..<4]))
            let (flags, byteCount): (UInt32, UInt32) = (unpack(Array(received[4..<8])), unpack(Array(received[8..<12])))
            try expect(flags == 5, "an answer with the flags \(flags)")
            try expect(byteCount <= 4096, "an answer of \(byteCount) bytes")
            guard received.count >= 12 + Int(byteCount) else { return }
            received.removeFirst(12 + Int(byteCount))
            guard isFramed else { continue }
            guard let asked = unanswered.firstIndex(of: request) else {
                throw OracleFailure("an answer to request \(request), which was not asked or is answered")
            }
            unanswered.removeFirst(asked + 1)
        }
    }
}
