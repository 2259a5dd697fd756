import FoundationEssentials
import Glibc

/// What /proc tells of a running daemon.
extension Daemon {
    /// What it holds on to: whatever leaks shows in one of the two.
    package struct Footprint {
        package var descriptorCount: Int
        package var anonymousKiB: Int
    }

    package func footprint() throws -> Footprint {
        Footprint(descriptorCount: try descriptorCount(), anonymousKiB: try anonymousKiB())
    }

    package func descriptorCount() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(process.processID)/fd").count
    }

    package func anonymousKiB() throws -> Int { try Self.number("RssAnon", in: "/proc/\(process.processID)/status") }

    /// What it used of a processor so far, to the hundredth of a second.
    package func processorTime() throws -> Duration {
        let path = "/proc/\(process.processID)/stat"
        let text = String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
        // Behind the name, which may hold anything: the state is field 3, utime 14 and stime 15.
        let fields = text[(text.lastIndex(of: ")") ?? text.startIndex)...].split(separator: " ").dropFirst()
        let times = fields.dropFirst(11).prefix(2).compactMap { Int64($0) }
        try expect(times.count == 2, "\(path) is not understood")
        return .seconds(times[0] + times[1]) / sysconf(Int32(_SC_CLK_TCK))
    }

    /// Lets some time pass in which nothing is to happen; returns how much of it the daemon was running, from 0 to 1.
    package func processorShare(over duration: Duration) throws -> Double {
        let before = try processorTime()
        Deadline.pause(duration)
        return (try processorTime() - before) / duration
    }

    /// Fails unless the daemon comes back to as many descriptors as it had, and to no more memory than a little.
    package func expectNoGrowth(since before: Footprint, allowingKiB: Int = 512) throws {
        try Deadline.wait(for: "the daemon has \(before.descriptorCount) descriptors again", within: .seconds(10)) {
            try descriptorCount() == before.descriptorCount
        }
        let grown = try anonymousKiB() - before.anonymousKiB
        try expect(grown <= allowingKiB, "the daemon has grown by \(grown) KiB")
    }
}
