import Glibc
import LinuxIO
import Testing

@Suite("TimerFileDescriptor")
struct TimerFileDescriptorTests {
    @Test(arguments: [0, 1_000_000] as [UInt64])
    func expiresOnce(nanoseconds: UInt64) throws {
        let timer = try TimerFileDescriptor()
        let start = MonotonicClock.nanoseconds()
        try timer.arm(afterNanoseconds: nanoseconds)
        #expect(waits(for: POLLIN, on: timer.rawValue))
        #expect(MonotonicClock.nanoseconds() - start >= nanoseconds)
        let (first, second) = (try timer.drain(), try timer.drain())
        #expect(first)
        #expect(!second)
    }

    @Test func disarmTakesBackAnExpiryNobodyRead() throws {
        let timer = try TimerFileDescriptor()
        try timer.arm(afterNanoseconds: 0)
        #expect(waits(for: POLLIN, on: timer.rawValue))
        try timer.disarm()
        let drained = try timer.drain()
        #expect(!drained)
    }

    @Test func armingAgainReplacesTheFormerTime() throws {
        let timer = try TimerFileDescriptor()
        try timer.arm(afterNanoseconds: 3_600_000_000_000)
        try timer.arm(afterNanoseconds: 1)
        #expect(waits(for: POLLIN, on: timer.rawValue))
        // More seconds than any clock has counted: no overflow on the way to the kernel.
        try timer.arm(afterNanoseconds: .max)
        let drained = try timer.drain()
        #expect(!drained)
    }
}
