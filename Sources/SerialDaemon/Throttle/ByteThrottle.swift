/// How many bytes one direction of a port may move at what time: the key `rate=`, as a token bucket.
///
/// Pure: the caller brings the time, in nanoseconds of the monotonic clock. More may be taken than is allowed, since a
/// chain of the guest is taken whole; what is too much is owed, and earned before anything moves again.
struct ByteThrottle {
    /// What may move at once after a quiet time: a tenth of a second's bytes, and enough for a burst of messages.
    static func burst(bytesPerSecond: Int) -> Int { max(bytesPerSecond / 10, 64 << 10) }
    /// How much of a second's bytes is earned before it goes on: so one direction wakes the loop a hundred times a
    /// second at most.
    private static let wakeUpsPerSecond: Int64 = 100
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000
    /// The most that is counted of one batch: larger than any memory of a guest that moves at once, and far from overflow.
    private static let largestBatch = 1 << 32

    /// In bytes per second; nil is without bound.
    private(set) var rate: Int64?
    /// In billionths of a byte, so that no part of one is ever lost. Below 0 it is owed.
    private var credit: Int64 = 0
    /// Up to when it was earned.
    private var earnedAt: UInt64 = 0
    /// The wait of now, or the last one as long as nobody has ended it since.
    private var wait: (start: UInt64, end: UInt64)?
    /// How long those waits took that are over.
    private var total: UInt64 = 0

    /// Moves at this rate from now on, with a burst to begin with; how long it had to wait so far is kept.
    mutating func setRate(_ bytesPerSecond: Int?, now: UInt64) {
        endWait(now: now)
        rate = bytesPerSecond.map(Int64.init)
        credit = capacity
        earnedAt = now
    }

    private var capacity: Int64 {
        Int64(Self.burst(bytesPerSecond: Int(rate ?? 0))) * Self.nanosecondsPerSecond
    }

    /// How many bytes may move now; 0 until the end of a wait.
    mutating func allowance(now: UInt64) -> Int {
        guard let rate else { return .max }
        if let wait, now < wait.end { return 0 }
        endWait(now: now)
        earn(rate, now: now)
        return Int(max(credit, 0) / Self.nanosecondsPerSecond)
    }

    private mutating func earn(_ rate: Int64, now: UInt64) {
        guard now > earnedAt else { return }
        let missing = capacity - credit
        let elapsed = now - earnedAt
        // Compared first: a long time by a high rate is more than fits.
        credit = elapsed >= UInt64(missing / rate) + 1 ? capacity : credit + Int64(elapsed) * rate
        earnedAt = now
    }

    /// So many bytes have moved.
    mutating func take(_ byteCount: Int) {
        guard rate != nil else { return }
        credit -= Int64(min(byteCount, Self.largestBatch)) * Self.nanosecondsPerSecond
    }

    /// There is nothing left that may move now.
    ///
    /// - Returns: when to go on.
    mutating func startWait(now: UInt64) -> UInt64 {
        guard let rate else { return now }
        if let wait, now < wait.end { return wait.end }
        let wanted = rate / Self.wakeUpsPerSecond * Self.nanosecondsPerSecond - credit
        let end = now &+ UInt64(max(wanted, 0) / rate) &+ 1
        wait = (now, end)
        return end
    }

    /// Ends the wait when its time is over; tells whether it is.
    mutating func endWait(ifOver now: UInt64) -> Bool {
        guard let wait, wait.end <= now else { return false }
        endWait(now: now)
        return true
    }

    private mutating func endWait(now: UInt64) {
        total = throttledNanoseconds(now: now)
        wait = nil
    }

    /// When it goes on; nil when it does not wait.
    func resumption(after now: UInt64) -> UInt64? {
        guard let wait, now < wait.end else { return nil }
        return wait.end
    }

    /// How long bytes waited for the rate in all, with the wait of now.
    func throttledNanoseconds(now: UInt64) -> UInt64 {
        guard let wait, now > wait.start else { return total }
        return total &+ (min(now, wait.end) - wait.start)
    }
}
