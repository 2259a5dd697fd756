import CLinux
import Glibc

/// The clock that only goes forward, whatever is done to the time of day.
public enum MonotonicClock {
    /// Nanoseconds since a moment that stays the same while the machine runs; time in suspend does not count.
    ///
    /// Does not enter the kernel on usual machines (vDSO). The corresponding C function is `clock_gettime(2)` with
    /// `CLOCK_MONOTONIC`.
    public static func nanoseconds() -> UInt64 {
        var time = timespec()
        // SAFETY: `time` outlives the call. It cannot fail: the clock exists on every Linux and the pointer is good.
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
