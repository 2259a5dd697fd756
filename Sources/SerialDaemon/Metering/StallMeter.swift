/// How often and how long bytes of one direction of a port waited for their receiver.
///
/// A wait that makes progress in between is several waits: what is long is what stands still. Times are in nanoseconds
/// of the monotonic clock, which is read only when something changes.
struct StallMeter: Equatable {
    /// How many waits have begun.
    private(set) var count: UInt64 = 0
    /// How long those took that are over.
    private var total: UInt64 = 0
    /// Since when they wait now; nil when they do not.
    private(set) var since: UInt64?
    /// Whether the wait of now was told already.
    var isReported = false

    /// Whether bytes wait now.
    var isStalled: Bool {
        since != nil
    }

    /// The end of a turn.
    ///
    /// - Parameters:
    ///   - isStalled: whether bytes wait for the receiver.
    ///   - hasMoved: whether some moved in this turn.
    ///   - now: asked for only when something changes.
    mutating func note(isStalled: Bool, hasMoved: Bool, now: @autoclosure () -> UInt64) {
        guard isStalled != self.isStalled || (isStalled && hasMoved) else { return }
        let time = now()
        if let since {
            total &+= time &- since
        }
        since = isStalled ? time : nil
        isReported = false
        count &+= isStalled ? 1 : 0
    }

    /// How long they waited in all, with the wait of now.
    func nanoseconds(now: UInt64) -> UInt64 {
        total &+ (since.map { now &- $0 } ?? 0)
    }
}
