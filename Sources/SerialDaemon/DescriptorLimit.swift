import Glibc

/// RLIMIT_NOFILE: how many descriptors the process may have, counted against what the largest device needs.
enum DescriptorLimit {
    /// What a device with this many ports can hold at once.
    ///
    /// A front-end hands over three descriptors for each of 256 ring indexes, whatever our number of queues, and one
    /// for each memory region; a port has a listener, a client and a transcript; the rest is our own epoll sets, eventfds and the
    /// standard three.
    static func needed(portCount: Int) -> UInt64 {
        UInt64(3 * 256 + 509 + 3 * portCount + 64)
    }

    /// Raises the soft limit as far as needed and as the hard limit allows.
    ///
    /// - Returns: the limit in force afterwards.
    static func raise(to needed: UInt64) -> UInt64 {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
        guard limit.rlim_cur < needed else { return UInt64(limit.rlim_cur) }
        var raised = limit
        raised.rlim_cur = min(rlim_t(needed), limit.rlim_max)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 else {
            return UInt64(limit.rlim_cur)
        }
        return UInt64(raised.rlim_cur)
    }
}
