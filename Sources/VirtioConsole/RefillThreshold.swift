/// After how many buffers a guest that gives its receive buffers back is to kick.
///
/// A guest that reads as fast as the host writes gives its buffers back page by page. Kicked for each, we would fill one
/// page per turn, and the guest would be interrupted for each; kicked for half of them, both sides work on many at a
/// time. But a driver that never offers so many would never kick: so no more than half of what it was seen to offer are
/// waited for, not for longer than the caller's patience, and fewer after it ran out.
struct RefillThreshold: Equatable {
    /// What is waited for next, before the limit; 1 is every buffer.
    private var wanted = Int.max

    /// How many buffers to wait for now.
    ///
    /// - Parameter largestAvailableCount: the most that the driver was seen to offer at a time.
    /// - Returns: 1 to half of that.
    func count(largestAvailableCount: Int) -> UInt16 {
        UInt16(truncatingIfNeeded: max(1, min(wanted, largestAvailableCount / 2, Int(UInt16.max))))
    }

    /// The guest has offered as many.
    mutating func wasReached() {
        if wanted < Int.max {
            wanted += 1
        }
    }

    /// The guest has offered some, but not `count` of them, when patience ran out.
    mutating func wasMissed(_ count: UInt16) {
        wanted = max(1, Int(count) / 2)
    }
}
