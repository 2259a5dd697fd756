import CLinux
import Glibc

/// What the calling thread has used of the machine.
public enum ThreadUsage {
    /// How often the thread was taken off its processor although it wanted to go on. The corresponding C function is
    /// `getrusage(2)` with `RUSAGE_THREAD`.
    public static func preemptionCount() -> Int {
        clinux_thread_preemption_count()
    }
}
