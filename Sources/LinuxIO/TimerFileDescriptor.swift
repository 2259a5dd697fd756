import CLinux
import Glibc
import SystemPackage

/// A timer that becomes readable once, by the monotonic clock.
public struct TimerFileDescriptor: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// Makes a timer that is not armed, closed on `exec`. The corresponding C function is `timerfd_create(2)`.
    ///
    /// - Throws: ``SystemError`` when the process or the machine has no descriptor left.
    public init() throws(SystemError) {
        let flags = Int32(TFD_CLOEXEC | TFD_NONBLOCK)
        descriptor = OwnedFileDescriptor(
            adopting: try systemCall("timerfd_create") { timerfd_create(CLOCK_MONOTONIC, flags) })
    }

    /// The number, for ``Epoll``; borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Arms the timer, whatever it was set to before. The corresponding C function is `timerfd_settime(2)`.
    ///
    /// - Parameter nanoseconds: how long from now. 0 means at once; the kernel would take it for "disarm", so 1 is
    ///   used.
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    public func arm(afterNanoseconds nanoseconds: UInt64) throws(SystemError) {
        try set(max(nanoseconds, 1))
    }

    /// Disarms the timer; an expiry that was not read is gone. The corresponding C function is `timerfd_settime(2)`.
    ///
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    public func disarm() throws(SystemError) {
        try set(0)
    }

    /// Takes the expiry, so that the timer is no longer readable. The corresponding C function is `read(2)`.
    ///
    /// - Returns: whether the timer had expired.
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    @discardableResult
    public func drain() throws(SystemError) -> Bool {
        var expiries: UInt64 = 0
        switch retryingOnInterrupt({ unsafe read(rawValue, &expiries, MemoryLayout<UInt64>.size) }) {
        case .success: return true
        case .failure(.wouldBlock): return false
        case .failure(let errno): throw SystemError(call: "read", errno: errno)
        }
    }

    private func set(_ nanoseconds: UInt64) throws(SystemError) {
        let time = timespec(tv_sec: Int(nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // No interval: one expiry.
        var setting = itimerspec(it_interval: timespec(), it_value: time)
        try systemCall("timerfd_settime") { unsafe timerfd_settime(rawValue, 0, &setting, nil) }
    }
}
