import FoundationEssentials
import Glibc

/// How busy the whole machine has been.
enum MachineLoad {
    /// Processor time that anybody used so far, on all processors, in seconds. As exact as the kernel's tick.
    static func busySeconds() throws -> Double {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        guard let line = text.split(separator: "\n").first else { throw BenchmarkError("/proc/stat is empty") }
        let fields = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard fields.count >= 8 else { throw BenchmarkError("/proc/stat is unknown") }
        // user, nice, system; not idle and iowait; irq, softirq, steal.
        let ticks = fields[0] + fields[1] + fields[2] + fields[5] + fields[6] + fields[7]
        return ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
