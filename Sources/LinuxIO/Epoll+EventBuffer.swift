import CLinux

extension Epoll {
    /// Room for the events of one wait, allocated once and used again.
    @safe
    public struct EventBuffer: ~Copyable {
        // SAFETY: allocated in init, initialized in full there, freed in deinit and nowhere else; never handed out.
        let events: UnsafeMutableBufferPointer<epoll_event>

        /// How many events the last wait brought.
        public internal(set) var count = 0

        /// Makes room.
        ///
        /// - Parameter capacity: the most events one wait returns, at least 1. More than are ready at once costs
        ///   nothing but memory: the kernel takes turns, so that nobody starves behind a small buffer.
        public init(capacity: Int) {
            precondition(capacity > 0, "epoll_wait(2) needs room for one event")
            unsafe events = .allocate(capacity: capacity)
            unsafe events.initialize(repeating: epoll_event())
        }

        deinit {
            unsafe events.deallocate()
        }

        /// One event of the last wait.
        ///
        /// - Parameter index: 0 ..< ``count``.
        public subscript(index: Int) -> Event {
            precondition(index >= 0 && index < count, "no such event")
            // SAFETY: 0 <= index < count <= capacity, and epoll_wait(2) wrote `count` events, each with the u64 that
            // add() stored.
            let event = unsafe events[index]
            return unsafe Event(
                token: EventToken(rawValue: event.data.u64), readiness: Readiness(rawValue: event.events))
        }
    }
}
