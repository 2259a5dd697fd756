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
        let (toHost, toGuest) = (toHost.resumption(after: now), toGuest.resumption(after: now))
        guard let toHost, let toGuest else { return toHost ?? toGuest }
        return min(toHost, toGuest)
    }

    /// Ends the waits whose time is over; tells whether there was one.
    mutating func endWaits(now: UInt64) -> Bool {
        let (toHost, toGuest) = (toHost.endWait(ifOver: now), toGuest.endWait(ifOver: now))
        return toHost || toGuest
    }
}
