import LinuxIO
import Testing

@Suite("MonotonicClock")
struct MonotonicClockTests {
    @Test func goesForward() {
        let first = MonotonicClock.nanoseconds()
        let second = MonotonicClock.nanoseconds()
        #expect(first > 0)
        #expect(second >= first)
    }
}
