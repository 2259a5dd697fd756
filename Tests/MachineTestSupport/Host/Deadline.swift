package import Glibc

/// The instant by which a wait must be over.
package struct Deadline {
    private let instant: ContinuousClock.Instant

    package init(within duration: Duration) { instant = ContinuousClock.now + duration }

    package var remaining: Duration { max(.zero, ContinuousClock.now.duration(to: instant)) }

    package var hasPassed: Bool { remaining == .zero }

    /// What is left for poll(2), at least 1 while there is any time left.
    package var milliseconds: Int32 { Int32((remaining / .milliseconds(1)).rounded(.up)) }

    /// What is left for sigtimedwait(2) and nanosleep(2).
    package var timespec: timespec {
        let (seconds, attoseconds) = remaining.components
        return Glibc.timespec(tv_sec: Int(seconds), tv_nsec: Int(attoseconds / 1_000_000_000))
    }

    /// Looks at `condition` again and again: for things that have no descriptor to wait on, such as a file that appears.
    ///
    /// - Throws: ``Failure`` that names `what` when the time is over.
    package static func wait(
        for what: String, within duration: Duration, every interval: Duration = .milliseconds(10),
        until condition: () throws -> Bool
    ) throws {
        let deadline = Deadline(within: duration)
        while try !condition() {
            try expect(!deadline.hasPassed, "\(what): not within \(duration)")
            pause(interval)
        }
    }

    /// Lets `duration` pass: to measure over a time, never to wait for something.
    package static func pause(_ duration: Duration) {
        let deadline = Deadline(within: duration)
        while !deadline.hasPassed {
            var left = deadline.timespec
            unsafe nanosleep(&left, nil)
        }
    }
}
