import ControlProtocol
import LinuxIO

/// One program at the control socket: its bytes on the way in and out.
///
/// It may be slow, silent or wrong: what it can make us keep is bounded both ways.
final class ControlConnection {
    /// The longest command that it may send, in bytes.
    static let maximumRequestByteCount = 64 << 10
    /// The most that may wait for it to read, in bytes.
    static let maximumUnsentByteCount = 1 << 20

    /// Tells its events from those of one before it.
    let number: UInt32
    let peer: PeerCredentials
    /// Whether it may change something, or only look.
    let mayChange: Bool
    /// Whether it has left negotiation behind: commands and events.
    var isNegotiated = false
    /// Whether it waits for an answer of the device's; its next command is looked at after that.
    var isWaiting = false
    /// Why it is to be closed, once what is unsent has gone as far as it goes.
    private(set) var end: End?

    enum End: Equatable {
        case peerClosed
        case requestTooLong
        case readsTooSlowly
        case failed(SystemError)
    }

    private let stream: UnixStream
    private var received = RequestSplitter()
    private var unsent: [UInt8] = []

    private static let readByteCount = 16 << 10

    init(_ stream: consuming UnixStream, number: UInt32, peer: PeerCredentials, mayChange: Bool) {
        self.stream = stream
        self.number = number
        self.peer = peer
        self.mayChange = mayChange
    }

    /// The socket, for epoll. Borrowed.
    var descriptor: Int32 { stream.rawValue }

    /// What to wait for: nothing to read while a command is under way, so that a program that sends faster than it is
    /// answered waits itself.
    var interest: Epoll.Interest {
        var interest: Epoll.Interest = []
        if !isWaiting { interest.insert(.readable) }
        if !unsent.isEmpty { interest.insert(.writable) }
        return interest
    }

    /// How many bytes wait for it to read.
    var unsentByteCount: Int { unsent.count }

    // MARK: In

    /// Reads what is there.
    func receive() {
        do {
            var bytes: [UInt8] = []
            switch try stream.receive(appendingTo: &bytes, atMost: Self.readByteCount) {
            case .bytes, .wouldBlock: received.append(bytes)
            case .endOfFile, .reset: end = .peerClosed
            }
        } catch {
            end = .failed(error)
        }
    }

    /// The next whole command; nil when there is none, or when one is under way.
    func nextRequest() -> RequestSplitter.Piece? {
        guard !isWaiting, end == nil || end == .peerClosed else { return nil }
        let request = received.next()
        // Whole ones were read in one go with their neighbours, and are short enough.
        if request == nil, received.byteCount > Self.maximumRequestByteCount { end = .requestTooLong }
        return request
    }

    // MARK: Out

    /// Sends a line, or as much as goes now.
    func send(_ line: [UInt8]) {
        guard unsent.count + line.count <= Self.maximumUnsentByteCount else {
            end = .readsTooSlowly
            return
        }
        unsent += line
        // The end that QMP's own server writes.
        unsent += [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        flush()
    }

    /// Sends what is left, as far as it goes.
    func flush() {
        do {
            while !unsent.isEmpty {
                guard case .bytes(let count) = try stream.send(all: unsent) else { return }
                unsent.removeFirst(count)
            }
        } catch {
            end = .failed(error)
        }
    }
}
