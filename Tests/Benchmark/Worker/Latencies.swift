/// Times in nanoseconds.
struct Latencies {
    private var times: [UInt64] = []

    init() {
        times.reserveCapacity(1 << 20)
    }

    mutating func add(_ time: UInt64) { times.append(time) }

    mutating func sort() { times.sort() }

    /// Of sorted times; 0 when there are none.
    func percentile(_ fraction: Double) -> UInt64 {
        guard !times.isEmpty else { return 0 }
        return times[min(times.count - 1, Int(Double(times.count) * fraction))]
    }
}
