import CBenchmark
import FoundationEssentials
import Glibc
import LinuxIO

/// Another process's descriptors, of which we take duplicates.
struct ForeignDescriptors {
    let processID: pid_t

    /// What every descriptor is, as /proc shows it.
    func all() throws -> [Int32: String] {
        let directory = "/proc/\(processID)/fd"
        var found: [Int32: String] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) {
            guard let number = Int32(name) else { continue }
            // It may be gone by now.
            found[number] = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(name)")
        }
        return found
    }

    /// The eventfds, by number.
    func events() throws -> Set<Int32> {
        Set(try all().filter { $0.value.contains("[eventfd]") }.keys)
    }

    /// The memory file whose name contains `name`.
    func memoryFile(_ name: String) throws -> OwnedFileDescriptor {
        guard let entry = try all().first(where: { $0.value.hasPrefix("/memfd:") && $0.value.contains(name) }) else {
            throw BenchmarkError("process \(processID) has no memory file \(name)")
        }
        return try duplicate(entry.key)
    }

    func duplicate(_ number: Int32) throws -> OwnedFileDescriptor {
        let duplicate = benchmark_duplicate_descriptor(processID, number)
        guard duplicate >= 0 else { throw BenchmarkError("pidfd_getfd: errno \(errno)") }
        return OwnedFileDescriptor(adopting: duplicate)
    }
}
