import Testing

@testable import SerialDaemon

@Suite("LatencyHistogram")
struct LatencyHistogramTests {
    @Test("each duration is in the first bucket whose bound is above it")
    func buckets() {
        let last = LatencyHistogram.bucketCount - 1
        let durations: [UInt64] = [
            0, 1, 1023, 1024, 1025, 2047, 2048, 1 << 20, (1 << 20) - 1, 1 << 34, 1 << 40, .max,
        ]
        for nanoseconds in durations {
            var histogram = LatencyHistogram()
            histogram.record(nanoseconds: nanoseconds)
            let expected =
                (0..<last).first { index in
                    guard let bound = LatencyHistogram.bound(ofBucket: index) else { return false }
                    return nanoseconds < bound
                } ?? last
            for index in 0...last { #expect(histogram.counts[index] == (index == expected ? 1 : 0), "\(nanoseconds)") }
            #expect(histogram.sum == nanoseconds)
        }
    }

    @Test("bounds double from 1.024 µs, and the last bucket has none")
    func bounds() {
        #expect(LatencyHistogram.bound(ofBucket: 0) == 1024)
        for index in 1..<LatencyHistogram.bucketCount - 1 {
            let (lower, upper) = (LatencyHistogram.bound(ofBucket: index - 1), LatencyHistogram.bound(ofBucket: index))
            #expect(upper == lower.map { $0 * 2 })
        }
        #expect(LatencyHistogram.bound(ofBucket: LatencyHistogram.bucketCount - 1) == nil)
    }
}
