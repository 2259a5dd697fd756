import CLinux
import Glibc
import SystemPackage

/// Waits for many descriptors at once, level-triggered.
///
/// ## Concurrency
/// Any thread may change the set while another waits. An ``EventBuffer`` belongs to one thread.
public struct Epoll: ~Copyable, Sendable {
    private let descriptor: OwnedFileDescriptor

    /// The number, for another set that this one is in: it is readable when something has happened here. Borrowed.
    public var rawValue: Int32 { descriptor.rawValue }

    /// Makes an empty set, closed on `exec`. The corresponding C function is `epoll_create1(2)`.
    ///
    /// - Throws: ``SystemError`` when the process or the machine has no descriptor left.
    public init() throws(SystemError) {
        descriptor = OwnedFileDescriptor(
            adopting: try systemCall("epoll_create1") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    }

    /// What to wait for. ``Readiness/hungUp`` and ``Readiness/error`` are reported in any case, even for the empty
    /// interest.
    public struct Interest: OptionSet, Sendable {
        /// The `EPOLL…` bits.
        public let rawValue: UInt32

        /// Makes an interest of `EPOLL…` bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// There is something to read or accept, or the end of file. `EPOLLIN`
        public static let readable = Interest(rawValue: EPOLLIN.rawValue)
        /// There is room to write, or writing would tell that nobody reads any more. `EPOLLOUT`
        public static let writable = Interest(rawValue: EPOLLOUT.rawValue)
        /// The peer closed its end or its sending direction. `EPOLLRDHUP`
        public static let peerHalfClosed = Interest(rawValue: EPOLLRDHUP.rawValue)
        /// Edge-triggered: report what happens to the descriptor once, and not as long as it lasts. `EPOLLET`
        public static let onlyChanges = Interest(rawValue: EPOLLET.rawValue)
    }

    /// What has come true of a descriptor.
    public struct Readiness: OptionSet, Sendable {
        /// The `EPOLL…` bits.
        public let rawValue: UInt32

        /// Makes a readiness of `EPOLL…` bits.
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// There is something to read or accept, or the end of file. `EPOLLIN`
        public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
        /// There is room to write, or writing would tell that nobody reads any more. `EPOLLOUT`
        public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
        /// Both directions are closed. Reported until the descriptor is removed. `EPOLLHUP`
        public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue)
        /// An error is pending; the next call on the descriptor tells which. `EPOLLERR`
        public static let error = Readiness(rawValue: EPOLLERR.rawValue)
        /// The peer closed its end or its sending direction. `EPOLLRDHUP`
        public static let peerHalfClosed = Readiness(rawValue: EPOLLRDHUP.rawValue)
    }

    /// One descriptor that became ready.
    public struct Event: Equatable, Sendable {
        /// The token the descriptor was added with.
        public let token: EventToken

        /// What came true.
        public let readiness: Readiness
    }

    /// Starts waiting for a descriptor. The corresponding C function is `epoll_ctl(2)` with `EPOLL_CTL_ADD`.
    ///
    /// - Parameters:
    ///   - descriptor: borrowed. Closing the last copy removes it from the set.
    ///   - interest: what to wait for.
    ///   - token: comes back with every event.
    /// - Throws: ``SystemError``; `EEXIST` when it is in the set already, `EPERM` when its kind cannot be waited for (a
    ///   regular file).
    public func add(_ descriptor: Int32, interest: Interest, token: EventToken) throws(SystemError) {
        try control(EPOLL_CTL_ADD, descriptor, interest, token, call: "epoll_ctl(EPOLL_CTL_ADD)")
    }

    /// Changes interest and token of a descriptor. The corresponding C function is `epoll_ctl(2)` with `EPOLL_CTL_MOD`.
    ///
    /// - Parameters:
    ///   - descriptor: borrowed; in the set.
    ///   - interest: what to wait for from now on.
    ///   - token: comes back with every event from now on.
    /// - Throws: ``SystemError``; `ENOENT` when it is not in the set.
    public func modify(_ descriptor: Int32, interest: Interest, token: EventToken) throws(SystemError) {
        try control(EPOLL_CTL_MOD, descriptor, interest, token, call: "epoll_ctl(EPOLL_CTL_MOD)")
    }

    /// Stops waiting for a descriptor. The corresponding C function is `epoll_ctl(2)` with `EPOLL_CTL_DEL`.
    ///
    /// Needed before closing when somebody else holds a copy, as a front-end does of every descriptor it passed: the
    /// set watches the open file, and would go on reporting it under the old token.
    ///
    /// - Parameter descriptor: borrowed; in the set.
    /// - Throws: ``SystemError``; `ENOENT` when it is not in the set.
    public func remove(_ descriptor: Int32) throws(SystemError) {
        try control(EPOLL_CTL_DEL, descriptor, [], EventToken(rawValue: 0), call: "epoll_ctl(EPOLL_CTL_DEL)")
    }

    /// Waits until something is ready, the time is over, or a signal arrives.
    ///
    /// The corresponding C function is `epoll_wait(2)`. No allocation.
    ///
    /// - Parameters:
    ///   - buffer: filled from its start; its former events are gone. `count` is 0 when the time is over or a signal
    ///     interrupted.
    ///   - timeoutMilliseconds: how long at most; 0 only looks, −1 waits for ever.
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    public func wait(into buffer: inout EventBuffer, timeoutMilliseconds: Int32) throws(SystemError) {
        // SAFETY: the buffer holds `capacity` events and outlives the call.
        let count = unsafe epoll_wait(
            descriptor.rawValue, buffer.events.baseAddress, Int32(buffer.events.count), timeoutMilliseconds)
        buffer.count = max(Int(count), 0)
        // EINTR is not retried: the timeout would start anew, and the caller may want to look why.
        guard count < 0, Errno(rawValue: errno) != .interrupted else { return }
        throw SystemError(call: "epoll_wait", errno: Errno(rawValue: errno))
    }

    private func control(
        _ operation: Int32, _ target: Int32, _ interest: Interest, _ token: EventToken, call: String
    ) throws(SystemError) {
        var event = unsafe epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token.rawValue))
        try systemCall(call) { unsafe epoll_ctl(descriptor.rawValue, operation, target, &event) }
    }
}
