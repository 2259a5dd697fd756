import Glibc
import MachineTestSupport

/// The host's ends of some ports while bytes are moved through them, and what that came to.
///
/// One thread serves all of them: it has three times the speed that an emulated guest has.
struct GuestTransfer {
    /// What was received, sent and used while the transfer was counted.
    struct Count {
        let seconds: Double
        let received: [Int]
        let sent: Int
        let processors: [String: Double]
        let othersLoad: Double
    }

    private struct Moment {
        let processors: ProcessorTime
        let received: [Int]
        let sent: Int
    }

    /// Not counted at the start, and sent on after the end of what is counted. As in guest/src/bench.c.
    private static let warmUp = 0.3
    private static let after = 0.3
    /// Nothing takes as long as this when all is well.
    private static let timeLimit = 30.0
    private static let readSize = 65536

    private let streams: [SocketStream]
    private let writeSize: Int
    private let processes: [String: pid_t]
    private var buffer = [UInt8](repeating: 0, count: readSize)
    private let zeros: [UInt8]
    private(set) var received: [Int]
    private(set) var sent = 0
    private var ended: [Bool]

    /// - Parameters:
    ///   - streams: the ports' host ends.
    ///   - writeSize: how much the host writes at once; 0 when it only receives.
    ///   - processes: whose processor time is counted.
    init(_ streams: [SocketStream], writeSize: Int, processes: [String: pid_t]) {
        self.streams = streams
        self.writeSize = writeSize
        self.processes = processes
        received = streams.map { _ in 0 }
        ended = streams.map { _ in false }
        zeros = [UInt8](repeating: 0, count: writeSize)
    }

    /// Moves bytes from the first one that the guest sends, and counts for so long.
    ///
    /// - Parameters:
    ///   - seconds: how long it counts.
    ///   - receivesToEnd: whether the guest sends until it marks an end.
    /// - Returns: what was counted between the warm-up and the end.
    /// - Throws: ``BenchmarkError`` when nothing moves any more.
    mutating func run(seconds: Double, receivesToEnd: Bool) throws -> Count {
        let limit = ProcessorTime.now() + Self.timeLimit + seconds
        while received.allSatisfy({ $0 == 0 }) {
            if try !receive() { try wait(sending: false, until: limit) }
        }
        let start = ProcessorTime.now()
        let first = try pump(until: start + Self.warmUp, limit)
        let last = try pump(until: start + Self.warmUp + seconds, limit)
        if writeSize > 0 {
            _ = try pump(until: start + Self.warmUp + seconds + Self.after, limit)
            try sendEnd(by: limit)
        }
        while receivesToEnd && !ended.allSatisfy(\.self) {
            if try !receive() { try wait(sending: false, until: limit) }
        }
        return Count(
            seconds: last.processors.time - first.processors.time,
            received: zip(last.received, first.received).map { $0 - $1 }, sent: last.sent - first.sent,
            processors: last.processors.since(first.processors),
            othersLoad: last.processors.othersLoad(since: first.processors))
    }

    /// Moves bytes until the moment has come, and returns what was counted so far.
    private mutating func pump(until moment: Double, _ limit: Double) throws -> Moment {
        while ProcessorTime.now() < moment {
            let didReceive = try receive()
            let didSend = writeSize > 0 ? try send() : false
            if !didReceive && !didSend { try wait(sending: writeSize > 0, until: min(moment, limit), mayEnd: true) }
        }
        return Moment(processors: try ProcessorTime(of: processes), received: received, sent: sent)
    }

    /// One read of each port. The last byte of a stream is 1, all others are 0.
    private mutating func receive() throws -> Bool {
        var didReceive = false
        for (index, stream) in streams.enumerated() {
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe recv(stream.descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT))
            }
            if count > 0 {
                received[index] += count
                if buffer[count - 1] != 0 { ended[index] = true }
                didReceive = true
            } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
                throw BenchmarkError("\(stream.name): the stream has ended: errno \(count == 0 ? 0 : errno)")
            }
        }
        return didReceive
    }

    /// One write to each port.
    private mutating func send() throws -> Bool {
        var didSend = false
        for stream in streams {
            let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
            let count = unsafe zeros.withUnsafeBytes {
                unsafe Glibc.send(stream.descriptor, $0.baseAddress, $0.count, flags)
            }
            if count > 0 {
                sent += count
                didSend = true
            } else if errno != EAGAIN && errno != EINTR {
                throw BenchmarkError("\(stream.name): cannot send: errno \(errno)")
            }
        }
        return didSend
    }

    /// Sends the 1 that ends each stream.
    private mutating func sendEnd(by limit: Double) throws {
        for stream in streams {
            while try stream.sendNow([1]) == 0 {
                _ = try receive()
                try wait(sending: true, until: limit)
            }
            sent += 1
        }
    }

    private func wait(sending: Bool, until moment: Double, mayEnd: Bool = false) throws {
        let events = Int16(POLLIN) | (sending ? Int16(POLLOUT) : 0)
        var entries = streams.map { pollfd(fd: $0.descriptor, events: events, revents: 0) }
        let left = max(0, moment - ProcessorTime.now())
        let count = unsafe poll(&entries, nfds_t(entries.count), Int32((left * 1000).rounded(.up)))
        guard count != 0 || mayEnd else {
            throw BenchmarkError("nothing moves: \(received) bytes received, \(sent) sent")
        }
    }
}
