import Testing
import VirtioTestSupport

@testable import SerialDaemon

/// Time is a number here: nobody waits.
@Suite("ByteThrottle")
struct ByteThrottleTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start: UInt64 = 5_000_000_000

    private func throttle(_ rate: Int?) -> ByteThrottle {
        var throttle = ByteThrottle()
        throttle.setRate(rate, now: Self.start)
        return throttle
    }

    @Test(
        "the burst is a tenth of a second's bytes, and at least 64 KiB",
        arguments: [
            (1 << 10, 64 << 10), (655_360, 64 << 10), (1 << 20, 104_857), (1 << 30, 107_374_182),
        ])
    func burst(rate: Int, burst: Int) {
        var throttle = throttle(rate)
        #expect(throttle.allowance(now: Self.start) == burst)
        // A long quiet time earns no more than that.
        #expect(throttle.allowance(now: .max / 2) == burst)
    }

    @Test("what moves in a long time is the rate, whatever is taken at once", arguments: 1...8 as ClosedRange<UInt64>)
    func average(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let rate = Int.random(in: PortOptions.rates, using: &random)
        var throttle = throttle(rate)
        var now = Self.start
        var moved = 0
        while now < Self.start + 100 * Self.second {
            let allowance = throttle.allowance(now: now)
            guard allowance > 0 else {
                let end = throttle.startWait(now: now)
                #expect(end > now)
                now = end
                continue
            }
            // A chain too much now and then.
            let byteCount = Int.random(in: 1...allowance, using: &random) + Int.random(in: 0...4096, using: &random)
            throttle.take(byteCount)
            moved += byteCount
            now += UInt64.random(in: 0...1000, using: &random)
        }
        let seconds = Double(now - Self.start) / Double(Self.second)
        let expected = Double(rate) * seconds + Double(ByteThrottle.burst(bytesPerSecond: rate))
        #expect(Double(moved) <= expected + 4096)
        #expect(Double(moved) >= Double(rate) * seconds * 0.99)
    }

    @Test func anEmptyBucketWaitsForAHundredthOfASecond() {
        var throttle = throttle(1 << 20)
        throttle.take(throttle.allowance(now: Self.start))
        #expect(throttle.allowance(now: Self.start) == 0)
        let end = throttle.startWait(now: Self.start)
        #expect(abs(Int64(end) - Int64(Self.start) - 10_000_000) < 1000)
        // Whoever asks before it is over gets nothing, and does not make it longer.
        #expect(throttle.allowance(now: end - 1) == 0)
        #expect(throttle.startWait(now: end - 1) == end)
        #expect(throttle.resumption(after: end - 1) == end)
        #expect(throttle.resumption(after: end) == nil)
        #expect((10_000...10_500).contains(throttle.allowance(now: end)))
    }

    @Test func whatWasTooMuchIsEarnedBeforeAnythingMoves() {
        var throttle = throttle(1 << 10)
        throttle.take((64 << 10) + (10 << 10))
        #expect(throttle.allowance(now: Self.start) == 0)
        let end = throttle.startWait(now: Self.start)
        #expect(abs(Int64(end) - Int64(Self.start + 10 * Self.second)) < 20_000_000)
    }

    @Test func anEndlessBatchIsNoOverflow() {
        var throttle = throttle(1 << 30)
        throttle.take(.max)
        #expect(throttle.allowance(now: Self.start) == 0)
        #expect(throttle.startWait(now: Self.start) > Self.start + Self.second)
        #expect(throttle.allowance(now: .max) == ByteThrottle.burst(bytesPerSecond: 1 << 30))
    }

    @Test func throttledTimeIsThatOfTheWaits() {
        var throttle = throttle(1 << 20)
        #expect(throttle.throttledNanoseconds(now: Self.start) == 0)
        throttle.take(throttle.allowance(now: Self.start))
        let end = throttle.startWait(now: Self.start)
        #expect(throttle.throttledNanoseconds(now: Self.start + 1000) == 1000)
        // Nobody asks for a while: the wait is over all the same.
        #expect(throttle.throttledNanoseconds(now: end + Self.second) == end - Self.start)
        _ = throttle.allowance(now: end + Self.second)
        #expect(throttle.throttledNanoseconds(now: end + 2 * Self.second) == end - Self.start)
    }

    @Test func anotherRateEndsTheWaitAndKeepsItsTime() {
        var throttle = throttle(1 << 10)
        throttle.take(throttle.allowance(now: Self.start))
        _ = throttle.startWait(now: Self.start)
        throttle.setRate(nil, now: Self.start + 1000)
        #expect(throttle.allowance(now: Self.start + 1000) == .max)
        #expect(throttle.resumption(after: Self.start + 1000) == nil)
        #expect(throttle.throttledNanoseconds(now: Self.start + 5000) == 1000)
    }
}
