import FoundationEssentials
import Glibc

/// A running vhost-user-serial.
package final class Daemon {
    package let process: ChildProcess
    private let log: String

    /// Where scripts/build puts it.
    package static let usualProgram = ".build/release/vhost-user-serial"

    /// Starts it and waits for its socket file. `prefix` is a program to run it with, such as taskset; `log` is where
    /// its output goes, `daemon.log` in the directory unless told otherwise.
    package init(
        _ ports: [Port], in directory: String, arguments: [String] = [], prefix: [String] = [],
        program: String = Daemon.usualProgram, log: String? = nil
    ) throws {
        self.log = log ?? "\(directory)/daemon.log"
        let socket = "\(directory)/vhost.sock"
        let command = [program, "--socket-path", socket, "--socket-dir", directory]
        process = try ChildProcess(
            "the daemon", prefix + command + ports.flatMap { ["--port", $0.daemonArgument] } + arguments,
            output: self.log)
        try Deadline.wait(for: "the daemon's socket", within: .seconds(10)) {
            try expect(process.pollExit() == nil, "the daemon did not start")
            return FileManager.default.fileExists(atPath: socket)
        }
    }

    package func loggedText() -> String {
        String(decoding: FileManager.default.contents(atPath: log) ?? Data(), as: UTF8.self)
    }

    /// Sends SIGTERM, expects exit code 0 and returns how long it took.
    @discardableResult
    package func terminate() throws -> Duration {
        try expect(process.pollExit() == nil, "the daemon has ended before it was told to")
        let start = ContinuousClock.now
        process.send(signal: SIGTERM)
        let exit = try process.waitForExit(within: .seconds(10))
        let duration = start.duration(to: .now)
        try expectEqual(exit, .code(0), "the daemon's end")
        return duration
    }

    /// Memory of its own: what it touched of the guest's is RssShmem and not counted.
    package func residentKiB() throws -> Int {
        try ["RssAnon", "RssFile"].map { try Self.number($0, in: "/proc/\(process.processID)/status") }.reduce(0, +)
    }

    /// How often its threads went to sleep: each such pair of a wake-up and a sleep counts once.
    package func sleepCount() throws -> Int {
        let tasks = "/proc/\(process.processID)/task"
        return try FileManager.default.contentsOfDirectory(atPath: tasks)
            .map { try Self.number("voluntary_ctxt_switches", in: "\(tasks)/\($0)/status") }.reduce(0, +)
    }

    /// The number after `key:` in a file of /proc.
    package static func number(_ key: String, in file: String) throws -> Int {
        let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
        for line in text.split(separator: "\n") where line.hasPrefix("\(key):") {
            if let number = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Int($0) }) {
                return number
            }
        }
        throw Failure("no \(key) in \(file)")
    }
}
