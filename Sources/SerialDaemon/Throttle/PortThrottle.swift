/// A port's two directions, each with the rate for itself.
struct PortThrottle {
    var toHost = ByteThrottle()
    var toGuest = ByteThrottle()

    init() {}

    init(bytesPerSecond: Int?, now: UInt64) {
        setRate(bytesPerSecond, now: now)
    }

    mutating func setRate(_ bytesPerSecond: Int?, now: UInt64) {
        toHost.setRate(bytesPerSecond, now: now)
        toGuest.setRate(bytesPerSecond, now: now)
    }

    /// When the next direction goes on that waits; nil when none does.
    func resumption(after now: UInt64) -> UInt64? {
        [toHost.resumption(after: now), toGuest.resumption(after: now)].compactMap(\.self).min()
    }
}
