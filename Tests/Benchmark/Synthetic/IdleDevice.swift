import DriverTestSupport
import FoundationEssentials
import Glibc
import LinuxIO

/// The daemon with as many ports as there can be, all open on both sides, and nothing to do.
final class IdleDevice: MeasuredDevice {
    let label: DeviceLabel
    private static let portCount = 127
    private static let memoryByteCount = 1 << 30
    private static let idleSeconds = 10.0

    private let process: Child
    private let peer: Worker
    private let startSeconds: Double
    // The connection lives as long as this object, and the driver's memory with it.
    private let connection: SyntheticConnection
    private let driver: GuestDriver

    init(
        label: DeviceLabel, daemon: DaemonProgram, layout: GuestDriver.Layout, processors: Processors, directory: String
    ) throws {
        self.label = label
        let numbers = Array(0..<Self.portCount)
        let log = "\(directory)/log"
        let file = try OwnedFileDescriptor.memory(named: "benchmark-guest", byteCount: UInt64(Self.memoryByteCount))
        let memory = try GuestRAM(file: file.rawValue, byteCount: Self.memoryByteCount)
        driver = try GuestDriver(memory: memory, layout: layout, queueSize: label.queueSize, ports: numbers)
        var daemon = daemon
        daemon.arguments += ["--max-ports", "\(Self.portCount)"]
        let start = MonotonicClock.nanoseconds()
        process = try daemon.spawn(ports: numbers, processor: nil, in: directory, log: log)
        let path = DaemonProgram.socketPath(in: directory)
        // Connected to is what counts: a socket file is there before anybody listens.
        let stream = try SyntheticConnection.connect(path, process)
        startSeconds = Double(MonotonicClock.nanoseconds() - start) / 1e9
        connection = SyntheticConnection(
            try SyntheticFrontend.started(stream, memory: file.rawValue, driver: driver))
        try driver.start()
        peer = try Worker(
            "peer", connectingTo: numbers.map { "\(directory)/p\($0)" }, processor: processors.peer, log: log)
        try driver.waitForClients()
    }

    func measure(_ work: Work, seconds: Double) throws -> [String: Double]? {
        guard work == .idle else { return nil }
        usleep(500_000)
        let before = try wakeUps()
        usleep(UInt32(Self.idleSeconds * 1e6))
        let after = try wakeUps()
        let anonymous = try status("RssAnon") / 1024
        let mapped = try status("RssFile") / 1024
        return [
            "wake_ups_in_10_s": after - before, "start_ms": startSeconds * 1000, "resident_mib": anonymous + mapped,
            "resident_anonymous_mib": anonymous, "resident_file_mib": mapped,
            "resident_shared_mib": try status("RssShmem") / 1024,
        ]
    }

    /// How many times any thread was given a processor.
    private func wakeUps() throws -> Double {
        let tasks = "/proc/\(process.processID)/task"
        return try FileManager.default.contentsOfDirectory(atPath: tasks).reduce(0) { sum, task in
            try sum + number("voluntary_ctxt_switches", in: "\(tasks)/\(task)/status")
                + number("nonvoluntary_ctxt_switches", in: "\(tasks)/\(task)/status")
        }
    }

    private func status(_ name: String) throws -> Double {
        try number(name, in: "/proc/\(process.processID)/status")
    }

    private func number(_ name: String, in path: String) throws -> Double {
        let text = try String(contentsOfFile: path, encoding: .utf8)
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(name):") }),
            let value = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap({ Double($0) }
            )
        else { throw BenchmarkError("no \(name) in \(path)") }
        return value
    }
}
