import Glibc

/// What a process or a thread has; of a process exact only in one that runs nothing else, as the body of an exit test does.
enum ProcessFigures {
    /// How many descriptors are open.
    static var openFileCount: Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
        defer { unsafe closedir(directory) }
        var count = 0
        while unsafe readdir(directory) != nil { count += 1 }
        return count
    }

    /// How much address space is taken, in bytes.
    static var virtualByteCount: Int { pageCounts[0] * pageByteCount }

    /// How much memory is resident, in bytes.
    static var residentByteCount: Int { pageCounts[1] * pageByteCount }

    /// How long the calling thread was running so far, in nanoseconds. What others take of the processor is not in it.
    static var threadNanoseconds: UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    private static let pageByteCount = Int(sysconf(Int32(_SC_PAGESIZE)))

    private static var pageCounts: [Int] {
        contents(of: "/proc/self/statm").split(separator: " ").map { Int($0) ?? -1 }
    }

    /// The first page of a file of /proc.
    static func contents(of path: String) -> String {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(file, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
