/// How long something took, counted in buckets that double: bucket `n` counts what took less than 2ⁿ µs (1.024 µs to be
/// exact) and not less than half of that; the last one counts everything longer.
///
/// By hand and not of a library: it is written by one thread once for each batch of chains, in memory of its own, and has
/// the shape in which it is published (Prometheus' cumulative buckets).
struct LatencyHistogram: Equatable {
    /// Up to 17 s, and what is longer.
    static let bucketCount = 26
    /// The first bucket's bound in nanoseconds, as a power of two.
    private static let firstBit = 10

    private(set) var counts: [26 of UInt64] = .init(repeating: 0)
    /// Of all, in nanoseconds.
    private(set) var sum: UInt64 = 0

    /// Counts one.
    mutating func record(nanoseconds: UInt64) {
        let bits = UInt64.bitWidth - nanoseconds.leadingZeroBitCount
        counts[min(max(bits - Self.firstBit, 0), Self.bucketCount - 1)] &+= 1
        sum &+= nanoseconds
    }

    /// The bound of a bucket in nanoseconds, exclusive; nil for the last one, which has none.
    static func bound(ofBucket index: Int) -> UInt64? {
        index < bucketCount - 1 ? 1 << UInt64(firstBit + index) : nil
    }

    static func == (left: LatencyHistogram, right: LatencyHistogram) -> Bool {
        left.sum == right.sum && (0..<bucketCount).allSatisfy { left.counts[$0] == right.counts[$0] }
    }
}
