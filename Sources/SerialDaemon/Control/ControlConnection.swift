import ControlProtocol
import LinuxIO

/// One program at the control socket: its bytes on the way in and out.
///
/// It may be slow, silent or wrong: what it can make us keep is bounded both ways.
final class ControlConnection {
    /// The longest command that it may send, in bytes.
    static let maximumRequestByteCount = 64 << 10
    /// Deeper or richer commands are refused before anybody decodes them: each value costs the decoder several attempts, and
    /// more with each level. The richest that makes sense names 127 ports, three levels deep.
    static let maximumRequestDepth = 8
    static let maximumRequestMarkCount = 1024
    /// The end of a line that QMP's own server writes.
    static let lineEnd = [UInt8(ascii: "\r"), UInt8(ascii: "\n")]
    /// The most that may wait for it to read when another line comes, in bytes.
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
    /// Why nothing more is read or said.
    private(set) var end: End?

    enum End: Equatable {
        /// It sends no more. It may still read, and half-closing is what `socat` and `nc -N` do when their input ends.
        case peerClosed
        case requestTooLong
        case readsTooSlowly
        case failed(SystemError)
    }

    private let stream: UnixStream
    private var received = RequestSplitter()
    private var unsent: [UInt8] = []
    /// Whether it reads no more. What it sends is looked at all the same: a program need not wait to see a command done.
    private var isDeaf = false

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
    /// answered waits itself; nor once it has ended, which epoll would report for ever.
    var interest: Epoll.Interest {
        var interest: Epoll.Interest = []
        if !isWaiting, end == nil { interest.insert(.readable) }
        if !unsent.isEmpty { interest.insert(.writable) }
        return interest
    }

    /// How many bytes wait for it to read.
    var unsentByteCount: Int { unsent.count }

    /// Whether it is to be closed: it has ended, and is no more waited for.
    var isOver: Bool {
        switch end {
        case nil: false
        case .peerClosed: unsent.isEmpty
        case .requestTooLong, .readsTooSlowly, .failed: true
        }
    }

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
        guard !isWaiting, end == nil else { return nil }
        let request = received.next()
        // Whole ones were read in one go with their neighbours, and are short enough.
        if request == nil, received.byteCount > Self.maximumRequestByteCount { end = .requestTooLong }
        return request
    }

    // MARK: Out

    /// Sends a line, or as much as goes now.
    ///
    /// The bound is for what has piled up before it: a single answer can be longer, and is nobody's fault.
    func send(_ line: [UInt8]) {
        flush()
        guard end == nil, !isDeaf else { return }
        guard unsent.count <= Self.maximumUnsentByteCount else {
            end = .readsTooSlowly
            return
        }
        unsent += line
        unsent += Self.lineEnd
        flush()
    }

    /// Sends what is left, as far as it goes.
    func flush() {
        do {
            while !unsent.isEmpty {
                switch try stream.send(all: unsent) {
                case .bytes(let count): unsent.removeFirst(count)
                case .wouldBlock, .endOfFile: return
                case .reset:
                    unsent = []
                    isDeaf = true
                }
            }
        } catch {
            end = .failed(error)
        }
    }
}
