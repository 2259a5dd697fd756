import Glibc
import LinuxIO
import SystemPackage

/// `/proc/self/task`, opened while there still is a `/proc`.
struct TaskDirectory: ~Copyable {
    let descriptor: OwnedFileDescriptor

    init() throws(SandboxError) {
        let number = unsafe open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard number >= 0 else {
            throw .step("looking at the threads", SystemError(call: "open(/proc/self/task)", errno: .last))
        }
        descriptor = OwnedFileDescriptor(adopting: number)
    }

    /// Every thread of the process.
    func threads() throws(SandboxError) -> [ThreadStatus] {
        let copy = unsafe openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0, let stream = unsafe fdopendir(copy) else {
            throw .step("looking at the threads", SystemError(call: "openat", errno: .last))
        }
        defer { unsafe closedir(stream) }
        var threads: [ThreadStatus] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard Int32(name) != nil else { continue }
            threads.append(ThreadStatus(parsing: try text(of: "\(name)/status")))
        }
        return threads
    }

    private func text(of path: String) throws(SandboxError) -> String {
        let number = unsafe openat(descriptor.rawValue, path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else {
            throw .step("looking at the threads", SystemError(call: "openat(\(path))", errno: .last))
        }
        let file = OwnedFileDescriptor(adopting: number)
        // The whole of it is about 1.5 KiB, and /proc gives it out in one piece.
        var bytes = [UInt8](repeating: 0, count: 8192)
        let count = unsafe read(file.rawValue, &bytes, bytes.count)
        guard count > 0 else {
            throw .step("looking at the threads", SystemError(call: "read(\(path))", errno: .last))
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }
}

extension Errno {
    /// What the call before left behind.
    static var last: Errno { Errno(rawValue: errno) }
}
