import LinuxIO

/// A moment that something is waited for until.
struct Deadline {
    private let nanoseconds: UInt64

    /// The longest wait: a day, which poll(2) can still count in milliseconds.
    static let maximumSeconds: Double = 86_400

    /// So many seconds from now; 0 to ``maximumSeconds``.
    init(seconds: Double) {
        nanoseconds = MonotonicClock.nanoseconds() + UInt64(min(max(0, seconds), Self.maximumSeconds) * 1e9)
    }

    var hasPassed: Bool { MonotonicClock.nanoseconds() >= nanoseconds }

    /// For poll(2): rounded up, or it would be asked again and again within the last millisecond.
    var remainingMilliseconds: Int32 {
        let now = MonotonicClock.nanoseconds()
        return now >= nanoseconds ? 0 : Int32((nanoseconds - now + 999_999) / 1_000_000)
    }
}
