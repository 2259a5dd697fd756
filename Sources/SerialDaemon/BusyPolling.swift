/// When it is worth asking again and again instead of going to sleep, and for how long.
///
/// Waking a thread up costs tens of microseconds; a guest that answers at once is answered sooner by somebody who did
/// not go to sleep. The window grows as long as something happens within it, shrinks when nothing does, and is closed
/// for a while when another thread wanted the processor: a machine with nothing to spare loses by it.
///
/// Pure arithmetic: the device loop measures and asks. Times are in nanoseconds.
struct BusyPolling: Equatable {
    /// The longest window; 0 is never.
    let limit: UInt64
    /// How long to ask before going to sleep; 0 is not at all.
    private(set) var window: UInt64 = 0
    private var closedUntil: UInt64 = 0

    /// The first window, and the one below which it is given up.
    static let smallestWindow: UInt64 = 10_000
    /// How long the window stays closed once the processor was wanted.
    static let closedTime: UInt64 = 20_000_000

    /// - Parameter limit: the longest window; 0 never polls.
    init(limit: UInt64) {
        self.limit = limit
    }

    /// Whether to measure at all.
    var isOn: Bool {
        limit > 0
    }

    /// Something happened within the window.
    mutating func foundWork() {
        window = min(limit, window * 2)
    }

    /// Nothing happened within the window.
    mutating func foundNothing() {
        window = window / 2 < Self.smallestWindow ? 0 : window / 2
    }

    /// Another thread was given the processor while we asked.
    mutating func wasPreempted(now: UInt64) {
        window = 0
        closedUntil = now &+ Self.closedTime
    }

    /// After the window the thread has slept: not for long, and a longer window would have spared it that.
    mutating func slept(_ duration: UInt64, now: UInt64) {
        guard now >= closedUntil, duration < limit else { return }
        window = min(limit, max(Self.smallestWindow, window * 2))
    }
}
