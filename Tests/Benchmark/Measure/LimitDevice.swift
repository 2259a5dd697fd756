import CLinux
import Glibc
import LinuxIO

/// No device: two plain processes that move the same sizes over a UNIX socket, from and to a shared memory file. The
/// one in the device's place runs where the device would, and is the `daemon` of the samples.
final class LimitDevice: MeasuredDevice {
    /// How the process in the device's place is made.
    enum Kind: String, CaseIterable {
        /// A thread for each direction of each port, in blocking calls.
        case threads = "limit"
        /// One thread and poll(2), as the daemon has.
        case loop = "limit-one-thread"
        /// One thread and io_uring(7).
        case uring = "limit-io_uring"

        var label: DeviceLabel {
            let variant =
                switch self {
                case .threads: ""
                case .loop: "one thread"
                case .uring: "io_uring"
                }
            return DeviceLabel(device: "limit", variant: variant)
        }
    }

    let label: DeviceLabel
    private let kind: Kind
    private let peer: Worker
    private let plain: Worker
    private let kick: OwnedFileDescriptor
    private let driverYields: Bool
    /// As many buffers as a ring of this size holds are walked through.
    private static let queueSize = 128
    private static let connectionCount = 8
    private static let warmUpSeconds = 0.2

    init(_ kind: Kind, processors: Processors, log: String) throws {
        self.kind = kind
        label = kind.label
        driverYields = processors.driverYields
        var sockets: (peer: [Int32], plain: [Int32]) = ([], [])
        // Ours; the workers inherit duplicates.
        defer { (sockets.peer + sockets.plain).forEach { close($0) } }
        for _ in 0..<Self.connectionCount {
            let pair = try UnixStream.pair()
            sockets.peer.append(fcntl(pair.first.rawValue, F_DUPFD_CLOEXEC, 0))
            sockets.plain.append(fcntl(pair.second.rawValue, F_DUPFD_CLOEXEC, 0))
        }
        let eventFile = eventfd(0, Int32(EFD_CLOEXEC))
        kick = OwnedFileDescriptor(adopting: eventFile)
        peer = try Worker("peer", sockets: sockets.peer, processor: processors.peer, log: log)
        plain = try Worker(
            "limit", sockets: sockets.plain, kick: eventFile, processor: processors.device, log: log)
    }

    /// One direction of one connection. Flow `i` of the plain process has role `i` of the peer at its other end.
    private enum Stream {
        case toHost(Int, bufferByteCount: Int, pieceByteCount: Int)
        case toGuest(Int)
        /// Peer, socket, plain process, word in shared memory, us in the driver's place, eventfd, and all the way back.
        case trips(Int, byteCount: Int)

        var flow: [String] {
            switch self {
            case .toHost(let connection, let buffer, let piece):
                ["gather", "\(connection)", "\(buffer * queueSize)", "\(piece)"]
            case .toGuest(let connection): ["scatter", "\(connection)", "\(4096 * queueSize)", "4096"]
            case .trips(let connection, let byteCount): ["relay", "\(connection)", "\(byteCount)"]
            }
        }

        var peerRole: String {
            switch self {
            case .toHost(let connection, _, _): "sink:\(connection)"
            case .toGuest(let connection): "source:\(connection):\(Work.sourceByteCount)"
            case .trips(let connection, let byteCount): "ping:\(connection):\(byteCount)"
            }
        }

        var isTrips: Bool { if case .trips = self { true } else { false } }
        var isToHost: Bool { if case .toHost = self { true } else { false } }
    }

    func measure(_ work: Work, seconds: Double) throws -> [String: Double]? {
        func toHost(_ connection: Int, _ byteCount: Int, pieces: Int = 1) -> Stream {
            .toHost(connection, bufferByteCount: byteCount, pieceByteCount: byteCount / pieces)
        }
        let byteCount = work.byteCount
        switch work.name {
        case "to-host": return try run([toHost(0, byteCount)], seconds).throughput()
        case "to-host-pieces": return try run([toHost(0, byteCount, pieces: Work.pieceCount)], seconds).throughput()
        case "to-guest": return try run([.toGuest(0)], seconds).throughput()
        case "both": return try run([toHost(0, byteCount), .toGuest(0)], seconds).throughput()
        case "round-trip":
            return try run([.trips(0, byteCount: byteCount)], seconds).perTrip().merging(peer.latencies(0)) { $1 }
        case "eight-ports":
            let window = try run((0..<8).map { toHost($0, byteCount) }, seconds)
            return try window.throughput().merging(["slowest_to_mean": window.slowestToMean]) { $1 }
        case "small-beside-bulk":
            _ = try run([.trips(0, byteCount: byteCount)], seconds)
            let alone = peer.latencies(0)
            let window = try run([.trips(0, byteCount: byteCount), toHost(1, 32768)], seconds)
            return window.besideBulk(peer.latencies(0), alone: alone)
        default: return nil
        }
    }

    // MARK: Running

    /// Runs streams side by side. When it returns, every byte that was sent has arrived.
    private func run(_ streams: [Stream], _ seconds: Double) throws -> Window {
        switch kind {
        case .threads: try plain.start(streams.map { $0.flow.joined(separator: ":") })
        case .loop: try plain.start("loop", flows: streams.map { $0.flow.joined(separator: ".") })
        case .uring: try plain.start("uring", flows: streams.map { $0.flow.joined(separator: ".") })
        }
        try peer.start(streams.map(\.peerRole))
        // The one stream of round trips, if there is one, is the first.
        let answersTrips = streams[0].isTrips
        var seen: UInt64 = 0
        func pass(_ seconds: Double) {
            if answersTrips { answer(seconds: seconds, &seen) } else { usleep(UInt32(seconds * 1e6)) }
        }
        pass(Self.warmUpSeconds)
        if answersTrips { peer.startRecording(0) }
        let first = try snapshot(streams)
        pass(seconds)
        let last = try snapshot(streams)
        try finish(streams) { pass(0.001) }
        return Window(from: first, to: last)
    }

    private func snapshot(_ streams: [Stream]) throws -> Snapshot {
        try peer.check()
        try plain.check()
        return try Snapshot(
            processes: ["daemon": plain.child.processID, "peer": peer.child.processID, "driver": getpid()],
            received: streams.enumerated().map { index, stream in
                if case .toGuest = stream { plain.count(index) } else { peer.count(index) }
            })
    }

    private func finish(_ streams: [Stream], passing: () -> Void) throws {
        func wait(_ subject: String, _ condition: () throws -> Bool) throws {
            let deadline = Deadline(seconds: 10)
            while try !condition() {
                passing()
                try deadline.check(subject)
            }
        }
        let toHost = streams.indices.filter { streams[$0].isToHost }
        let others = streams.indices.filter { !streams[$0].isToHost }
        for index in toHost { plain.stop(index) }
        for index in others { peer.stop(index) }
        try wait("the peer's senders end") { try others.allSatisfy(peer.hasFinished) }
        for index in others {
            plain.expect(index, peer.count(index))
            plain.stop(index)
        }
        try wait("the plain process ends") { try streams.indices.allSatisfy(plain.hasFinished) }
        for index in toHost { peer.expect(index, plain.count(index)) }
        try wait("all bytes arrive") { try toHost.allSatisfy(peer.hasFinished) }
    }

    /// Polls as the driver does.
    private func answer(seconds: Double, _ seen: inout UInt64) {
        let end = Deadline(seconds: seconds)
        var turn = 0
        while true {
            let trips = plain.count(0)
            if trips != seen {
                seen = trips
                var one: UInt64 = 1
                _ = unsafe write(kick.rawValue, &one, 8)
            } else if driverYields {
                sched_yield()
            }
            turn &+= 1
            if turn & 0xf == 0, end.hasPassed { return }
        }
    }
}
