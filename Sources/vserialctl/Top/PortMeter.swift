import ControlProtocol
import LinuxIO

/// Measures ports: what has changed between the last two looks.
struct PortMeter {
    private var last: (ports: [PortStatus], nanoseconds: UInt64)?

    /// By port number; without numbers after the first look.
    private(set) var rates: [PortRate] = []
    /// How long between the last two looks.
    private(set) var seconds = 0.0

    /// Looks at the daemon's ports.
    mutating func take(from client: ControlClient) throws(CommandFailure) {
        let ports = try client.call(.queryPorts, returning: [PortStatus].self)
        take(ports, at: MonotonicClock.nanoseconds())
    }

    /// Takes note of the ports as they were at a moment; later than the last one.
    mutating func take(_ ports: [PortStatus], at nanoseconds: UInt64) {
        let elapsed = last.map { nanoseconds - $0.nanoseconds } ?? 0
        let before = Dictionary((last?.ports ?? []).map { (Key($0), $0) }) { first, _ in first }
        rates = ports.map { port in
            let old = before[Key(port)]
            return PortRate(
                port: port,
                toHost: old.flatMap { DirectionRate(from: $0.toHost, to: port.toHost, nanoseconds: elapsed) },
                toGuest: old.flatMap { DirectionRate(from: $0.toGuest, to: port.toGuest, nanoseconds: elapsed) })
        }
        seconds = Double(elapsed) / 1e9
        last = (ports, nanoseconds)
    }

    /// What `--json` prints.
    var report: TopReport {
        TopReport(seconds: seconds, ports: rates.map { TopReport.Port(id: $0.port.id, number: $0.port.number, $0) })
    }

    private struct Key: Hashable {
        let id: String
        let number: Int
        init(_ port: PortStatus) { (id, number) = (port.id, port.number) }
    }
}

/// What happened at a port between two looks.
struct PortRate {
    var port: PortStatus
    /// Nil when there is nothing to compare with.
    var toHost: DirectionRate?
    var toGuest: DirectionRate?

    /// Both ways.
    var bytesPerSecond: Double { (toHost?.bytesPerSecond ?? 0) + (toGuest?.bytesPerSecond ?? 0) }
}

/// What happened in one direction of a port between two looks.
struct DirectionRate: Codable {
    /// Bytes that arrived.
    var bytesPerSecond: Double
    /// Bytes that nobody got.
    var discardedPerSecond: Double
    /// The share of the time in which bytes waited for their reader, 0 to 1.
    var waited: Double
    /// Whether they wait now.
    var stalled: Bool

    /// Nil when the counters have begun anew, as those of a port that was removed and added.
    init?(from old: DirectionStatus, to new: DirectionStatus, nanoseconds: UInt64) {
        let (old, new, oldDiscarded, newDiscarded) = (old, new, old.discardedByteCount, new.discardedByteCount)
        guard nanoseconds > 0, new.delivered >= old.delivered, newDiscarded >= oldDiscarded,
            new.stalledNanoseconds >= old.stalledNanoseconds
        else { return nil }
        let perSecond = 1e9 / Double(nanoseconds)
        bytesPerSecond = Double(new.delivered - old.delivered) * perSecond
        discardedPerSecond = Double(newDiscarded - oldDiscarded) * perSecond
        // The daemon's two looks and ours are not the same moments.
        waited = min(1, Double(new.stalledNanoseconds - old.stalledNanoseconds) / Double(nanoseconds))
        stalled = new.stalled
    }
}

/// One line of `top --json`.
struct TopReport: Codable {
    struct Port: Codable {
        var id: String
        var number: Int
        var toHost: DirectionRate?
        var toGuest: DirectionRate?

        init(id: String, number: Int, _ rate: PortRate) {
            (self.id, self.number, toHost, toGuest) = (id, number, rate.toHost, rate.toGuest)
        }
    }

    /// How long was measured.
    var seconds: Double
    var ports: [Port]
}
