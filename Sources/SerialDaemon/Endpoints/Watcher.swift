import LinuxIO
import SystemPackage
import Virtio

/// A client beside the first one: it gets a copy of what the guest writes, and writes itself when it is among the
/// writers.
///
/// What it has not read yet is kept for it, up to a bound: the oldest bytes go, and are counted. A writer holds the guest
/// instead, as the first client does.
///
/// ## Concurrency
/// Owned by its ``PortEndpoint``, on the device thread.
struct Watcher: ~Copyable {
    /// How much is kept for one who only watches, in bytes.
    static let backlogByteCount = 64 << 10
    /// And for a writer: more than a turn's bytes and a chain of Linux's, so that none is lost before the guest is held.
    static let writersBacklogByteCount = 1 << 20

    /// Tells its events from those of others.
    let generation: UInt32
    let peer: PeerCredentials
    /// Whether what it sends is for the guest.
    private(set) var isWriter: Bool
    /// Whether its socket may hold bytes, or have room: as far as is known, a call does not say "not now".
    var isReadable = true
    var isWritable = true
    /// Whether it is gone (EPOLLHUP); bytes that it sent may still be in the socket.
    var hasHungUp = false
    /// When one that is gone is given up with bytes unread, in monotonic nanoseconds.
    var lingerDeadline: UInt64?
    /// Whether everything it sent was read.
    private(set) var hasEnded = false
    /// What a call on its socket failed with: it is to be ended.
    private(set) var failure: SystemError?
    /// Whether it has been told that the guest's program closed the port: what comes then is for others.
    private(set) var wasToldOfClose = false
    /// Bytes that it was too slow for.
    private(set) var lostByteCount: UInt64 = 0

    private let stream: UnixStream
    private var backlog: ReplayBuffer

    /// - Parameters:
    ///   - stream: takes ownership.
    ///   - generation: no other client's of the port.
    ///   - peer: who called connect(2).
    ///   - isWriter: whether it is one of the first.
    init(_ stream: consuming UnixStream, generation: UInt32, peer: PeerCredentials, isWriter: Bool) {
        self.stream = stream
        self.generation = generation
        self.peer = peer
        self.isWriter = isWriter
        backlog = ReplayBuffer(capacity: isWriter ? Self.writersBacklogByteCount : Self.backlogByteCount)
    }

    /// The number, for epoll; borrowed.
    var descriptor: Int32 { stream.rawValue }

    /// How many bytes it has not taken yet.
    var backlogByteCount: Int { backlog.count }

    /// The same when it goes now: what is kept for one that was not the first to go is lost to it.
    var lostWhenItLeaves: UInt64 { lostByteCount &+ (hasHungUp ? 0 : UInt64(backlog.count)) }

    /// Whether there may be something of it for the guest.
    var mayHaveBytes: Bool { isWriter && isReadable && !hasEnded && failure == nil }

    /// Whether nothing more comes from it or goes to it.
    var isDone: Bool { failure != nil || hasHungUp && (!mayHaveBytes || unreadByteCount == 0) }

    /// How many bytes it has sent that the guest has not got; those of one who only watches are for nobody.
    var unreadByteCount: Int {
        // A socket that cannot even be asked has nothing for the guest.
        isWriter ? (try? stream.unreadByteCount()) ?? 0 : 0
    }

    /// Whether the guest must wait for it.
    var holdsGuest: Bool { isWriter && !backlog.isEmpty && !hasHungUp && failure == nil }

    /// Is one of the writers from now on.
    mutating func promote() {
        guard !isWriter else { return }
        isWriter = true
        backlog = backlog.resized(to: max(backlog.capacity, Self.writersBacklogByteCount))
    }

    /// Keeps a copy of the first `byteCount` bytes that the guest has written.
    mutating func copy(_ vectors: borrowing IOVectors, byteCount: Int) {
        guard !wasToldOfClose else { return }
        // Modulo 2^64, as with all that a guest can make large.
        lostByteCount &+= UInt64(backlog.append(vectors, first: byteCount))
    }

    /// Keeps one more byte that the guest has written.
    mutating func copy(_ character: UInt8) {
        guard !wasToldOfClose else { return }
        lostByteCount &+= UInt64(backlog.append(character))
    }

    /// Keeps a copy of what was before it came, all of it.
    mutating func copy(_ former: borrowing ReplayBuffer) {
        backlog = backlog.resized(to: max(backlog.capacity, former.count))
        _ = backlog.append(former)
    }

    /// Sends what is kept, as far as it goes.
    mutating func flush() {
        while !backlog.isEmpty, isWritable, !hasHungUp, failure == nil {
            do {
                let outcome = try stream.send(backlog)
                switch outcome {
                case .bytes(let taken):
                    isWritable = taken == backlog.count
                    backlog.dropFirst(taken)
                case .wouldBlock: isWritable = false
                // It reads no more; its end comes by epoll.
                case .reset, .endOfFile: backlog.dropFirst(backlog.count)
                }
            } catch {
                failure = error
            }
        }
    }

    /// Lets it see the end of what it receives, behind what it has taken.
    mutating func endSending() {
        flush()
        lostByteCount &+= UInt64(backlog.count)
        backlog.dropFirst(backlog.count)
        wasToldOfClose = true
        do {
            try stream.shutdownSend()
        } catch {
            failure = error
        }
    }

    /// Reads what it has sent into the guest's buffers; returns how many bytes, 0 when there are none now.
    ///
    /// - Throws: EFAULT, when guest memory has gone; what else fails ends the watcher.
    mutating func receive(into vectors: borrowing IOVectors) throws(SystemError) -> Int {
        do {
            switch try stream.receive(into: vectors) {
            case .bytes(let byteCount): return byteCount
            case .wouldBlock:
                isReadable = false
                // Of one that hung up nothing more comes.
                hasEnded = hasHungUp
            case .endOfFile, .reset: hasEnded = true
            }
        } catch {
            guard error.errno != .badAddress else { throw error }
            failure = error
        }
        return 0
    }

    /// Gives away its socket and what it has not taken yet.
    consuming func take(_ backlog: inout ReplayBuffer) -> UnixStream {
        backlog = self.backlog
        return stream
    }
}
