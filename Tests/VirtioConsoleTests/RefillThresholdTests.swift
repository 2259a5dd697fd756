import Testing

@testable import VirtioConsole

@Suite("RefillThreshold")
struct RefillThresholdTests {
    @Test(arguments: [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (128, 64), (1024, 512), (1 << 17, 65_535)])
    func isHalfOfWhatTheDriverWasSeenToOffer(largest: Int, count: UInt16) {
        #expect(RefillThreshold().count(largestAvailableCount: largest) == count)
    }

    @Test func halvesWhenMissedAndComesBackOneByOne() {
        var threshold = RefillThreshold()
        threshold.wasMissed(64)
        #expect(threshold.count(largestAvailableCount: 128) == 32)
        threshold.wasReached()
        #expect(threshold.count(largestAvailableCount: 128) == 33)
        for _ in 0..<100 { threshold.wasReached() }
        #expect(threshold.count(largestAvailableCount: 128) == 64, "no more than half, whatever was reached")
    }

    @Test func isNeverBelowOne() {
        var threshold = RefillThreshold()
        for _ in 0..<20 { threshold.wasMissed(threshold.count(largestAvailableCount: 128)) }
        #expect(threshold.count(largestAvailableCount: 128) == 1)
    }
}
