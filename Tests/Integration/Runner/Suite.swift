import FoundationEssentials
import Glibc
import MachineTestSupport

/// Runs scenarios as processes, some at a time, and prints how they ended.
struct Suite {
    private struct Job {
        let scenario: Scenario
        let directory: String
        let process: ChildProcess
        let start = ContinuousClock.now
        let deadline = Deadline(within: Scenario.timeLimit)
    }

    let options: Runner
    private var waiting: ArraySlice<Scenario>
    private var running: [Job] = []
    private var passed = 0
    private var failed = 0
    private var skipped = 0
    private let executable: String

    init(options: Runner, scenarios: [Scenario]) throws {
        self.options = options
        waiting = scenarios[...]
        executable = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    }

    /// Runs all of them.
    ///
    /// - Returns: how many failed.
    mutating func run() throws -> Int {
        let signals = [SIGCHLD, SIGINT, SIGTERM]
        Signals.block(signals)
        defer { running.forEach { end($0) } }
        while !waiting.isEmpty || !running.isEmpty {
            try startMore()
            switch Signals.next(of: signals, by: Deadline(within: .seconds(1))) {
            case SIGINT, SIGTERM: throw Failure("interrupted")
            default: try collect()
            }
        }
        let notRun = skipped > 0 ? ", \(skipped) skipped" : ""
        let rings = options.rings == .packed ? ["packed rings"] : []
        let variant = rings + (options.daemonArguments.isEmpty ? [] : [options.daemonArguments])
        let name = variant.isEmpty ? "integration" : "integration (\(variant.joined(separator: ", ")))"
        print("\(name): \(passed) passed, \(failed) failed\(notRun)")
        return failed
    }

    private mutating func startMore() throws {
        while running.count < max(1, options.jobs), let scenario = waiting.popFirst() {
            if let reason = scenario.oursOnly, options.device != .ours {
                skipped += 1
                show("skip  \(scenario.name): \(reason)")
                continue
            }
            let directory = try makeDirectory()
            let arguments = [
                executable, scenario.name, "--directory", directory, "--device", options.device.rawValue,
                "--rings", options.rings.rawValue, "--daemon-arguments", options.daemonArguments,
                "--kernel", (scenario.kernel ?? options.kernel).rawValue,
            ]
            let process = try ChildProcess(scenario.name, arguments, output: "\(directory)/scenario.log")
            running.append(Job(scenario: scenario, directory: directory, process: process))
        }
    }

    private mutating func collect() throws {
        for job in running {
            if let exit = job.process.pollExit() {
                report(job, exit == .code(0) ? nil : exit == .code(1) ? "" : "the scenario's process: \(exit)")
            } else if job.deadline.hasPassed {
                job.process.kill()
                report(job, "killed after \(Scenario.timeLimit)")
            }
        }
    }

    private mutating func report(_ job: Job, _ failure: String?) {
        running.removeAll { $0.directory == job.directory }
        let tenths = Int(job.start.duration(to: .now) / .milliseconds(100))
        let seconds = "\(tenths / 10).\(tenths % 10) s"
        if let failure {
            failed += 1
            print("FAIL  \(job.scenario.name) (\(seconds)) \(failure)")
            showLogs(of: job)
        } else {
            passed += 1
            show("ok    \(job.scenario.name) (\(seconds))")
        }
        end(job)
    }

    private func end(_ job: Job) {
        if job.process.pollExit() == nil { job.process.kill() }
        if options.keep {
            print("      kept: \(job.directory)")
        } else {
            try? FileManager.default.removeItem(atPath: job.directory)
        }
        // One line at a time for who waits for it.
        fflush(nil)
    }

    /// The reason, then the ends of everything that was logged.
    private func showLogs(of job: Job) {
        for name in ["scenario", "guest", "daemon", "qemu"] {
            let contents = FileManager.default.contents(atPath: "\(job.directory)/\(name).log")
            let lines = String(decoding: contents ?? Data(), as: UTF8.self).split(separator: "\n")
            for line in lines.suffix(15) { print("      \(name): \(line)") }
        }
    }

    private func show(_ line: String) {
        if !options.quiet { print(line) }
    }

    private func makeDirectory() throws -> String {
        let parent = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        let directory = "\(parent)/serial-\(UUID().uuidString.prefix(8))"
        try expect(unsafe mkdir(directory, 0o700) == 0, "cannot make \(directory): errno \(errno)")
        return directory
    }
}
