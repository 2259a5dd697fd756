import Glibc
import LinuxIO

/// A moment by which something must have happened.
struct Deadline {
    private let moment: UInt64

    init(seconds: Double) {
        moment = MonotonicClock.nanoseconds() + UInt64(seconds * 1e9)
    }

    var hasPassed: Bool { MonotonicClock.nanoseconds() >= moment }

    /// Fails with what was waited for, once it is too late.
    func check(_ what: @autoclosure () -> String) throws {
        if hasPassed { throw BenchmarkError("timed out: \(what())") }
    }

    /// Looks again every millisecond until `condition` holds.
    static func wait(seconds: Double, _ what: String, until condition: () throws -> Bool) throws {
        let deadline = Deadline(seconds: seconds)
        while try !condition() {
            try deadline.check(what)
            usleep(1000)
        }
    }
}
