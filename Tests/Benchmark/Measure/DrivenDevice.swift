import DriverTestSupport
import Glibc

/// A virtio device under our driver, with a worker at its ports' sockets.
///
/// The same driver and the same worker for every device. At most one ring's worth of buffers is in flight each way.
final class DrivenDevice: MeasuredDevice {
    let label: DeviceLabel
    private let driver: GuestDriver
    private let peer: Worker
    /// Programs that are there all the time, by their names in the raw data.
    private let monitors: [String: Worker]
    /// The device's processes, by their names in the raw data.
    private let children: [String: Child]
    /// How many interrupts there were so far.
    private let callCount: () -> UInt64

    private let driverYields: Bool

    private static let warmUpSeconds = 0.2

    init(
        label: DeviceLabel, driver: GuestDriver, driverYields: Bool, peer: Worker, monitors: [String: Worker] = [:],
        children: [String: Child], callCount: @escaping () -> UInt64
    ) {
        self.label = label
        self.driver = driver
        self.driverYields = driverYields
        self.peer = peer
        self.monitors = monitors
        self.children = children
        self.callCount = callCount
    }

    /// One direction of one port.
    private enum Stream {
        case toHost(port: Int)
        case toGuest(port: Int)
        case trips(port: Int, byteCount: Int)
    }

    func measure(_ work: Work, seconds: Double) throws -> [String: Double]? {
        let byteCount = work.byteCount
        switch work.name {
        case "to-host":
            return try run([.toHost(port: 0)], byteCount, seconds: seconds).throughput()
        case "to-host-pieces":
            return try run([.toHost(port: 0)], byteCount, pieces: Work.pieceCount, seconds: seconds).throughput()
        case "to-guest":
            return try run([.toGuest(port: 0)], byteCount, seconds: seconds).throughput()
        case "both":
            return try run([.toHost(port: 0), .toGuest(port: 0)], byteCount, seconds: seconds).throughput()
        case "round-trip":
            let window = try run([.trips(port: 0, byteCount: byteCount)], byteCount, seconds: seconds)
            return try window.perTrip().merging(peer.latencies(0)) { $1 }
        case "eight-ports":
            guard driver.ports.count >= 8 else { return nil }
            let window = try run((0..<8).map { .toHost(port: $0) }, byteCount, seconds: seconds)
            return try window.throughput().merging(["slowest_to_mean": window.slowestToMean]) { $1 }
        case "small-beside-bulk":
            guard driver.ports.count >= 2 else { return nil }
            return try smallBesideBulk(byteCount, seconds: seconds)
        default: return nil
        }
    }

    /// Round trips on one port, alone and then beside another port that is saturated.
    private func smallBesideBulk(_ byteCount: Int, seconds: Double) throws -> [String: Double] {
        _ = try run([.trips(port: 0, byteCount: byteCount)], byteCount, seconds: seconds)
        let alone = peer.latencies(0)
        let window = try run([.trips(port: 0, byteCount: byteCount), .toHost(port: 1)], 32768, seconds: seconds)
        return window.besideBulk(peer.latencies(0), alone: alone)
    }

    // MARK: Running

    /// Runs streams side by side and returns the window in which their receivers were watched. When it returns, every
    /// byte that was sent has arrived.
    private func run(
        _ streams: [Stream], _ byteCount: Int, pieces: Int = 1, seconds: Double, verifying: Bool = false
    ) throws -> Window {
        let suffix = verifying ? ":verify" : ""
        var roles: [String] = []
        var ports: Set<Int> = []
        for stream in streams {
            switch stream {
            case .toHost(let port):
                roles.append("sink:\(port)\(suffix)")
                ports.insert(port)
            case .toGuest(let port):
                roles.append("source:\(port):\(verifying ? 20_000 : Work.sourceByteCount)\(suffix)")
                ports.insert(port)
            case .trips(let port, let byteCount):
                roles.append("ping:\(port):\(byteCount)")
                ports.insert(port)
            }
        }
        for port in ports {
            let isEcho = streams.contains { if case .trips(port, _) = $0 { true } else { false } }
            try driver.ports[port].prepare(
                byteCount: isEcho ? DriverPort.receiveBufferByteCount : byteCount, pieceCount: isEcho ? 1 : pieces,
                reception: isEcho ? .echo : verifying ? .verify : .count)
        }
        try peer.start(roles)
        for case .toHost(let port) in streams { try driver.ports[port].startSending(verifying: verifying) }
        try pump(forSeconds: Self.warmUpSeconds)
        for (role, stream) in streams.enumerated() {
            if case .trips = stream { peer.startRecording(role) }
        }
        let first = try snapshot(streams)
        try pump(forSeconds: seconds)
        let last = try snapshot(streams)
        try finish(streams)
        return Window(from: first, to: last)
    }

    private func snapshot(_ streams: [Stream]) throws -> Snapshot {
        for worker in monitors.values { try worker.check() }
        var processes = children.mapValues(\.processID)
        processes.merge(monitors.mapValues(\.child.processID)) { $1 }
        processes["peer"] = peer.child.processID
        processes["driver"] = getpid()
        let received = streams.enumerated().map { role, stream in
            if case .toGuest(let port) = stream { driver.ports[port].receivedByteCount } else { peer.count(role) }
        }
        return try Snapshot(processes: processes, received: received, calls: callCount(), kicks: driver.kickCount)
    }

    /// Ends the streams, and sees to it that everything that was sent arrives.
    private func finish(_ streams: [Stream]) throws {
        for (role, stream) in streams.enumerated() {
            switch stream {
            case .toHost(let port): driver.ports[port].stopSending()
            case .toGuest, .trips: peer.stop(role)
            }
        }
        for (role, stream) in streams.enumerated() {
            switch stream {
            case .toHost(let port):
                let port = driver.ports[port]
                try pump(atMost: 10, "the device uses what it was given") { port.outstandingCount == 0 }
                peer.expect(role, port.sentByteCount)
                try pump(atMost: 10, "\(port.sentByteCount) bytes arrive on the host") { try peer.hasFinished(role) }
            case .toGuest(let port):
                let port = driver.ports[port]
                try pump(atMost: 10, "the host's program ends") { try peer.hasFinished(role) }
                let sent = peer.count(role)
                try pump(atMost: 10, "\(sent) bytes arrive in the guest, not \(port.receivedByteCount)") {
                    port.receivedByteCount >= sent
                }
                guard port.receivedByteCount == sent else {
                    throw BenchmarkError("\(port.receivedByteCount) bytes arrived in the guest, of \(sent)")
                }
            case .trips(let port, _):
                let port = driver.ports[port]
                try pump(atMost: 10, "the last round trip ends") { try peer.hasFinished(role) }
                try pump(atMost: 10, "the device uses the last answer") { port.outstandingCount == 0 }
            }
        }
    }

    private func pump(forSeconds seconds: Double) throws {
        let end = Deadline(seconds: seconds)
        try pump { end.hasPassed }
    }

    private func pump(atMost seconds: Double, _ what: @autoclosure () -> String, until condition: () throws -> Bool)
        throws
    {
        let deadline = Deadline(seconds: seconds)
        try pump {
            if try condition() { return true }
            for child in children.values { try child.check() }
            try deadline.check("\(label): \(what())")
            return false
        }
    }

    /// Runs the driver. It shares a processor with the peer: when there is nothing to do it lets the peer run.
    private func pump(until condition: () throws -> Bool) throws {
        var turn = 0
        while true {
            if try !driver.pump(), driverYields { sched_yield() }
            turn &+= 1
            if turn & 0xf == 0 {
                if turn & 0xffff == 0 { try peer.check() }
                if try condition() { return }
            }
        }
    }

    // MARK: Checking

    /// Moves bytes for so long, each of which is compared with what it must be; throws at the first that is not.
    func verify(seconds: Double) throws {
        for (streams, byteCount, pieces) in [
            ([Stream.toHost(port: 0)], 4096, 1), ([.toHost(port: 0)], 32768, 1), ([.toHost(port: 0)], 65536, 16),
            ([.toGuest(port: 0)], 4096, 1), ([.toHost(port: 0), .toGuest(port: 0)], 32768, 1),
        ] {
            _ = try run(streams, byteCount, pieces: pieces, seconds: seconds, verifying: true)
            for role in streams.indices {
                if let place = peer.mismatch(role) {
                    throw BenchmarkError("\(label): wrong byte at \(place) on its way to the host")
                }
            }
            if let place = driver.ports[0].mismatch {
                throw BenchmarkError("\(label): wrong byte at \(place) on its way to the guest")
            }
        }
    }
}
