import CLinux
import Glibc

/// The time of day, for whoever reads it later: events and captured packets. Never for measuring, since it may be set.
public struct WallClock: Equatable, Sendable {
    /// Since 1970.
    public var seconds: Int64
    /// 0 ..< 1 000 000 000.
    public var nanoseconds: Int64

    /// Makes a time of its parts.
    public init(seconds: Int64, nanoseconds: Int64) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// The C function is `clock_gettime(CLOCK_REALTIME)`.
    public static func now() -> WallClock {
        var time = timespec()
        // SAFETY: `time` outlives the call. It cannot fail: the clock exists on every Linux and the pointer is good.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return WallClock(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
