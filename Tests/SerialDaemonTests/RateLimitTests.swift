import Testing

@testable import SerialDaemon

@Suite("RateLimit")
struct RateLimitTests {
    @Test func burstPassesAndTheRestIsCounted() {
        var limit = RateLimit(burst: 2, intervalNanoseconds: 100, now: 1000)
        #expect(limit.admit(now: 1000) == 0)
        #expect(limit.admit(now: 1000) == 0)
        #expect(limit.admit(now: 1099) == nil)
        #expect(limit.admit(now: 1099) == nil)
        #expect(limit.admit(now: 1100) == 2)
        #expect(limit.admit(now: 1100) == nil)
        #expect(limit.admit(now: 1200) == 1)
    }

    @Test func quietTimeRefillsNoMoreThanTheBurst() {
        var limit = RateLimit(burst: 2, intervalNanoseconds: 100, now: 0)
        _ = limit.admit(now: 0)
        _ = limit.admit(now: 0)
        #expect((0..<3).map { _ in limit.admit(now: .max) } == [0, 0, nil])
    }

    @Test func startedIntervalIsKeptBetweenCalls() {
        var limit = RateLimit(burst: 2, intervalNanoseconds: 100, now: 0)
        _ = limit.admit(now: 0)
        _ = limit.admit(now: 0)
        #expect(limit.admit(now: 60) == nil)
        // 150 is one interval and a half: the half counts towards the next token.
        #expect(limit.admit(now: 150) == 1)
        #expect(limit.admit(now: 199) == nil)
        #expect(limit.admit(now: 200) == 1)
    }

    @Test func olderTimeEarnsNothing() {
        var limit = RateLimit(burst: 1, intervalNanoseconds: 100, now: 1000)
        _ = limit.admit(now: 1000)
        #expect(limit.admit(now: 0) == nil)
    }
}
