import Glibc

/// What processes have used of the processors so far, user and system, in seconds.
struct ProcessorTime {
    /// When it was looked at.
    let time: Double
    /// By name; `peer` is this process, which plays the host's programs.
    let processes: [String: Double]
    /// Of the whole machine.
    private let busy: Double

    init(of processes: [String: pid_t]) throws {
        busy = try MachineLoad.busySeconds()
        var times = try processes.mapValues { process in
            var clock = clockid_t()
            guard unsafe clock_getcpuclockid(process, &clock) == 0 else {
                throw BenchmarkError("process \(process) has no clock")
            }
            return Self.seconds(of: clock)
        }
        times["peer"] = Self.seconds(of: CLOCK_PROCESS_CPUTIME_ID)
        self.processes = times
        time = Self.now()
    }

    /// What each process has used since `before`.
    func since(_ before: ProcessorTime) -> [String: Double] { processes.merging(before.processes) { $0 - $1 } }

    /// How much of a processor everybody else has used since `before`.
    func othersLoad(since before: ProcessorTime) -> Double {
        max(0, (busy - before.busy - since(before).values.reduce(0, +)) / (time - before.time))
    }

    static func now() -> Double { seconds(of: CLOCK_MONOTONIC) }

    private static func seconds(of clock: clockid_t) -> Double {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
