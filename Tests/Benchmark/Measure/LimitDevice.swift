import CLinux
import Glibc
import LinuxIO

/// No device: two plain processes that move the same sizes over a UNIX socket, from and to a shared memory file. The
/// one in the device's place runs where the device would, and is the `daemon` of the samples.
final class LimitDevice: MeasuredDevice {
    let label = DeviceLabel(device: "limit")
    private let peer: Worker
    private let plain: Worker
    private let kick: OwnedFileDescriptor
    private let driverYields: Bool
    /// As many buffers as a ring of this size holds are walked through.
    private static let queueSize = 128
    private static let warmUpSeconds = 0.2

    init(processors: Processors, log: String) throws {
        driverYields = processors.driverYields
        let pair = try UnixStream.pair()
        let eventFile = eventfd(0, Int32(EFD_CLOEXEC))
        kick = OwnedFileDescriptor(adopting: eventFile)
        peer = try Worker("peer", sockets: [pair.first.rawValue], processor: processors.peer, log: log)
        plain = try Worker(
            "limit", sockets: [pair.second.rawValue], kick: eventFile, processor: processors.device, log: log)
    }

    func measure(_ work: Work, seconds: Double) throws -> [String: Double]? {
        switch work.name {
        case "to-host": return try toHost(bufferByteCount: work.byteCount, pieceByteCount: work.byteCount, seconds)
        case "to-host-pieces":
            return try toHost(
                bufferByteCount: work.byteCount, pieceByteCount: work.byteCount / Work.pieceCount, seconds)
        case "to-guest": return try toGuest(seconds)
        case "both": return try both(bufferByteCount: work.byteCount, seconds)
        case "round-trip": return try roundTrip(work.byteCount, seconds)
        default: return nil
        }
    }

    private func toHost(bufferByteCount: Int, pieceByteCount: Int, _ seconds: Double) throws -> [String: Double] {
        try peer.start(["sink:0"])
        try plain.start(["gather:0:\(bufferByteCount * Self.queueSize):\(pieceByteCount)"])
        let window = try window(seconds, receiver: peer)
        plain.stop(0)
        try Deadline.wait(seconds: 10, "the sender ends") { try plain.hasFinished(0) }
        peer.expect(0, plain.count(0))
        try Deadline.wait(seconds: 10, "all bytes arrive") { try peer.hasFinished(0) }
        return try window.throughput()
    }

    private func toGuest(_ seconds: Double) throws -> [String: Double] {
        try plain.start(["scatter:0:\(4096 * Self.queueSize):4096"])
        try peer.start(["source:0:\(Work.sourceByteCount)"])
        let window = try window(seconds, receiver: plain)
        peer.stop(0)
        try Deadline.wait(seconds: 10, "the sender ends") { try peer.hasFinished(0) }
        plain.expect(0, peer.count(0))
        try Deadline.wait(seconds: 10, "all bytes arrive") { try plain.hasFinished(0) }
        return try window.throughput()
    }

    private func both(bufferByteCount: Int, _ seconds: Double) throws -> [String: Double] {
        try peer.start(["sink:0", "source:0:\(Work.sourceByteCount)"])
        try plain.start([
            "gather:0:\(bufferByteCount * Self.queueSize):\(bufferByteCount)",
            "scatter:0:\(4096 * Self.queueSize):4096",
        ])
        usleep(UInt32(Self.warmUpSeconds * 1e6))
        let first = try snapshot(counts: [peer.count(0), plain.count(1)])
        usleep(UInt32(seconds * 1e6))
        let last = try snapshot(counts: [peer.count(0), plain.count(1)])
        plain.stop(0)
        peer.stop(1)
        try Deadline.wait(seconds: 10, "both senders end") { try plain.hasFinished(0) && peer.hasFinished(1) }
        peer.expect(0, plain.count(0))
        plain.expect(1, peer.count(1))
        try Deadline.wait(seconds: 10, "all bytes arrive") { try peer.hasFinished(0) && plain.hasFinished(1) }
        return try Window(from: first, to: last).throughput()
    }

    /// Peer, socket, plain process, word in shared memory, us in the driver's place, eventfd, and all the way back.
    private func roundTrip(_ byteCount: Int, _ seconds: Double) throws -> [String: Double] {
        try plain.start(["relay:0:\(byteCount)"])
        try peer.start(["ping:0:\(byteCount)"])
        var seen: UInt64 = 0
        answer(seconds: Self.warmUpSeconds, &seen)
        peer.startRecording(0)
        let first = try snapshot(receiver: peer)
        answer(seconds: seconds, &seen)
        let last = try snapshot(receiver: peer)
        peer.stop(0)
        let deadline = Deadline(seconds: 10)
        while try !peer.hasFinished(0) {
            answer(seconds: 0.001, &seen)
            try deadline.check("the last round trip ends")
        }
        plain.stop(0)
        try Deadline.wait(seconds: 10, "the plain process ends") { try plain.hasFinished(0) }
        return try Window(from: first, to: last).perTrip().merging(peer.latencies(0)) { $1 }
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

    private func snapshot(receiver: Worker) throws -> Snapshot { try snapshot(counts: [receiver.count(0)]) }

    private func snapshot(counts: [UInt64]) throws -> Snapshot {
        try Snapshot(
            processes: ["daemon": plain.child.processID, "peer": peer.child.processID, "driver": getpid()],
            received: counts)
    }

    private func window(_ seconds: Double, receiver: Worker) throws -> Window {
        usleep(UInt32(Self.warmUpSeconds * 1e6))
        let first = try snapshot(receiver: receiver)
        usleep(UInt32(seconds * 1e6))
        let last = try snapshot(receiver: receiver)
        try peer.check()
        try plain.check()
        return Window(from: first, to: last)
    }
}

/// Which processor everybody runs on; nil for any.
struct Processors {
    var driver: Int?
    var peer: Int?
    var device: Int?
    /// Whether the driver lets others run when it finds nothing to do.
    var driverYields: Bool

    /// `DRIVER,PEER,DEVICE`, or `any`.
    init(_ text: String, driverYields: Bool) throws {
        self.driverYields = driverYields
        guard text != "any" else { return }
        let numbers = text.split(separator: ",").map { Int($0) }
        guard numbers.count == 3, !numbers.contains(nil) else {
            throw BenchmarkError("--processors takes DRIVER,PEER,DEVICE or any, not \(text)")
        }
        (driver, peer, device) = (numbers[0], numbers[1], numbers[2])
    }
}
