/// A token bucket for one cause of log lines that a guest or a client can trigger at will.
///
/// Pure: the caller brings the time, so that a test needs no clock and the loop reads it once per turn. Keep one for
/// each cause and port; a flood of one cause then hides no other.
package struct RateLimit: Sendable {
    /// Lines that may come at once after a quiet time.
    package let burst: Int
    /// One more line is allowed each time this much has passed.
    package let intervalNanoseconds: UInt64

    private var tokens: Int
    private var refilledAt: UInt64
    private var suppressed = 0

    /// A full bucket.
    ///
    /// - Parameters:
    ///   - burst: at least 1.
    ///   - intervalNanoseconds: at least 1.
    ///   - now: monotonic time in nanoseconds.
    package init(burst: Int = 5, intervalNanoseconds: UInt64 = 10_000_000_000, now: UInt64) {
        precondition(burst >= 1 && intervalNanoseconds >= 1, "constants of our own code")
        self.burst = burst
        self.intervalNanoseconds = intervalNanoseconds
        tokens = burst
        refilledAt = now
    }

    /// Takes a token for one line.
    ///
    /// - Returns: how many lines were held back since the last one that was allowed, for "(N like it not shown)";
    ///   `nil`: hold this one back too.
    package mutating func admit(now: UInt64) -> Int? {
        refill(now: now)
        guard tokens > 0 else {
            suppressed += 1
            return nil
        }
        tokens -= 1
        defer { suppressed = 0 }
        return suppressed
    }

    private mutating func refill(now: UInt64) {
        // A clock that stands still or a caller with an older reading earns nothing.
        guard now > refilledAt else { return }
        let earned = (now - refilledAt) / intervalNanoseconds
        guard earned < UInt64(burst - tokens) else {
            tokens = burst
            refilledAt = now
            return
        }
        tokens += Int(earned)
        // The rest of a started interval is kept, or a steady trickle of calls would never earn a token.
        refilledAt += earned * intervalNanoseconds
    }
}
