import Glibc
import LinuxIO

/// A ``WorkerCommand`` that we started, and its roles.
final class Worker {
    let child: Child
    private let channel: UnixStream
    private let counters: SharedCounters
    private var roleCount = 0

    /// Starts one, and waits until all its sockets are connected.
    ///
    /// It connects to `paths` and inherits `sockets`, which are connected, and the eventfd `kick`; all borrowed.
    init(
        _ name: String, connectingTo paths: [String] = [], sockets: [Int32] = [], kick: Int32? = nil, processor: Int?,
        log: String
    ) throws {
        let pair = try UnixStream.pair()
        counters = try SharedCounters()
        let far = dup(pair.second.rawValue)
        defer { close(far) }
        var arguments = [
            "/proc/\(getpid())/exe", "worker", "--channel", "\(far)", "--counters", "\(counters.file.rawValue)",
        ]
        arguments += paths.flatMap { ["--connect", $0] } + sockets.flatMap { ["--socket", "\($0)"] }
        if let kick { arguments += ["--kick", "\(kick)"] }
        child = try Child(
            name, arguments, processor: processor,
            descriptors: [far, counters.file.rawValue] + sockets + (kick.map { [$0] } ?? []), log: log)
        channel = UnixStream(adopting: OwnedFileDescriptor(adopting: fcntl(pair.first.rawValue, F_DUPFD_CLOEXEC, 0)))
        try Deadline.wait(seconds: 10, "\(name) connects") {
            try child.check()
            var byte: UInt8 = 0
            return unsafe recv(channel.rawValue, &byte, 1, Int32(MSG_DONTWAIT)) == 1
        }
    }

    /// Starts roles; those of before must have finished.
    func start(_ roles: [String]) throws {
        try start(count: roles.count, line: roles.joined(separator: " "))
    }

    /// Starts one thread, `loop` or `uring`, that does all of `flows`, each counted as a role.
    func start(_ kind: String, flows: [String]) throws {
        try start(count: flows.count, line: "\(kind):\(flows.joined(separator: ":"))")
    }

    private func start(count: Int, line: String) throws {
        precondition(count <= SharedCounters.roleLimit)
        for role in 0..<count { counters.reset(role) }
        roleCount = count
        let line = Array((line + "\n").utf8)
        guard unsafe write(channel.rawValue, line, line.count) == line.count else {
            throw BenchmarkError("\(child.name) does not listen")
        }
    }

    func count(_ role: Int) -> UInt64 { counters[role, .count] }
    func mismatch(_ role: Int) -> UInt64? { counters[role, .mismatch] == 0 ? nil : counters[role, .mismatch] - 1 }
    func expect(_ role: Int, _ byteCount: UInt64) { counters[role, .expected] = byteCount }
    func stop(_ role: Int) { counters[role, .stop] = 1 }
    func startRecording(_ role: Int) { counters[role, .recording] = 1 }

    /// Microseconds, by the names of the raw data.
    func latencies(_ role: Int) -> [String: Double] {
        [
            "p50_us": Double(counters[role, .p50]) / 1000, "p90_us": Double(counters[role, .p90]) / 1000,
            "p99_us": Double(counters[role, .p99]) / 1000, "p999_us": Double(counters[role, .p999]) / 1000,
        ]
    }

    func hasFinished(_ role: Int) throws -> Bool {
        let value = counters[role, .finished]
        guard value <= 1 else {
            throw BenchmarkError(
                "\(child.name), role \(role): errno \(value - 1) after \(count(role)) of \(counters[role, .expected])")
        }
        return value == 1
    }

    /// Fails when a role has.
    func check() throws {
        try child.check()
        for role in 0..<roleCount { _ = try hasFinished(role) }
    }
}
