import Glibc

/// Signals that this process takes one at a time, when it waits for them.
///
/// ## Concurrency
/// Blocked for the process's only thread; ``ChildProcess`` gives its children an empty mask.
package enum Signals {
    package static func block(_ signals: [Int32]) {
        var set = set(signals)
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// The next of `signals`, or `nil` when the deadline passes first.
    package static func next(of signals: [Int32], by deadline: Deadline) -> Int32? {
        var set = set(signals)
        var left = deadline.timespec
        let signal = unsafe sigtimedwait(&set, nil, &left)
        return signal > 0 ? signal : nil
    }

    private static func set(_ signals: [Int32]) -> sigset_t {
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for signal in signals { unsafe sigaddset(&set, signal) }
        return set
    }
}
