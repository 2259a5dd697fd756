import CBenchmark
import Glibc
import LinuxIO

/// What was counted so far, at one moment.
struct Snapshot {
    let time: UInt64
    /// By name of process, in nanoseconds.
    var processors: [String: UInt64] = [:]
    var received: [UInt64]
    var calls: UInt64 = 0
    var kicks: UInt64 = 0
    /// Of the whole machine.
    let busySeconds: Double

    init(processes: [String: pid_t], received: [UInt64], calls: UInt64 = 0, kicks: UInt64 = 0) throws {
        busySeconds = try MachineLoad.busySeconds()
        time = MonotonicClock.nanoseconds()
        for (name, process) in processes { processors[name] = benchmark_process_nanoseconds(process) }
        self.received = received
        self.calls = calls
        self.kicks = kicks
    }
}

/// What came in between two snapshots.
struct Window {
    let from: Snapshot
    let to: Snapshot

    private var seconds: Double { Double(to.time - from.time) / 1e9 }
    private var counts: [Double] { zip(to.received, from.received).map { Double($0 - $1) } }

    /// How much of a processor everybody else used: on a quiet machine, about nothing.
    var othersLoad: Double {
        let ours = to.processors.keys.reduce(0) { $0 + processorSeconds($1) }
        return max(0, (to.busySeconds - from.busySeconds - ours) / seconds)
    }

    private func processorSeconds(_ name: String) -> Double {
        Double(to.processors[name, default: 0] &- from.processors[name, default: 0]) / 1e9
    }

    /// The measures of a throughput: of the bytes that arrived at their receivers.
    func throughput() throws -> [String: Double] {
        let bytes = counts.reduce(0, +)
        guard bytes > 0 else { throw BenchmarkError("nothing arrived") }
        let gib = bytes / Double(1 << 30)
        var measures = [
            "mib_per_s": bytes / seconds / Double(1 << 20), "calls_per_gib": Double(to.calls - from.calls) / gib,
            "kicks_per_gib": Double(to.kicks - from.kicks) / gib, "others_load": othersLoad,
        ]
        for name in to.processors.keys { measures["cpu_s_per_gib.\(name)"] = processorSeconds(name) / gib }
        return measures
    }

    /// How the slowest receiver compares with the mean of all.
    var slowestToMean: Double {
        (counts.min() ?? 0) / (counts.reduce(0, +) / Double(max(1, counts.count)))
    }

    /// What one round trip costs, when trips were counted.
    func perTrip() throws -> [String: Double] {
        let trips = counts.reduce(0, +)
        guard trips > 0 else { throw BenchmarkError("no round trip was made") }
        var measures: [String: Double] = [
            "calls_per_trip": Double(to.calls - from.calls) / trips,
            "kicks_per_trip": Double(to.kicks - from.kicks) / trips, "others_load": othersLoad,
        ]
        for name in to.processors.keys { measures["cpu_us_per_trip.\(name)"] = processorSeconds(name) / trips * 1e6 }
        return measures
    }

    /// The measures of round trips beside a saturating port, with those of the same round trips alone.
    func besideBulk(_ latencies: [String: Double], alone: [String: Double]) -> [String: Double] {
        var measures = latencies
        measures["others_load"] = othersLoad
        for (name, value) in alone { measures["\(name).alone"] = value }
        measures["p99_ratio"] = latencies["p99_us", default: 0] / max(0.001, alone["p99_us", default: 0])
        return measures
    }
}
