import Glibc
import LinuxIO

/// A file that can be recognised among all that the process has open, to find out whether somebody closed his copies of
/// it.
///
/// Counting all open files would count those of the tests that run at the same time.
final class LeakProbe {
    enum Kind {
        /// What guest memory is shared by.
        case memory(byteCount: UInt64)
        /// What kicks, calls and errors are.
        case eventDescriptor

        static let memory = Kind.memory(byteCount: 1 << 20)
    }

    /// The test's own copy.
    let file: OwnedFileDescriptor
    private let openFile: OpenFile

    init(_ kind: Kind = .memory) throws {
        switch kind {
        case .memory(let byteCount):
            file = try OwnedFileDescriptor.memory(named: "leak-probe", byteCount: byteCount)
        case .eventDescriptor:
            let event = try EventFileDescriptor()
            file = OwnedFileDescriptor(adopting: fcntl(event.rawValue, F_DUPFD_CLOEXEC, 3))
        }
        openFile = OpenFile(file.rawValue)
    }

    /// How often the file is open beside the test's own copy.
    var leakedCount: Int {
        OpenFile.count(of: openFile) - 1
    }
}

/// What tells one open file from every other, as far as /proc and fstat(2) show it.
struct OpenFile: Equatable {
    private let identity: String

    init(_ number: Int32) {
        var status = stat()
        // Another test may have closed it meanwhile.
        guard unsafe fstat(number, &status) == 0 else {
            identity = ""
            return
        }
        // All eventfds share one inode, which has no file type: they have a number of their own.
        let isAnonymous = status.st_mode & S_IFMT == 0
        let details = isAnonymous ? Self.contents(of: "/proc/self/fdinfo/\(number)") : ""
        let eventNumber = details.split(separator: "\n").first { $0.hasPrefix("eventfd-id:") }
        identity = isAnonymous ? String(eventNumber ?? "") : "\(status.st_dev):\(status.st_ino)"
    }

    /// How many descriptors of this process are open for the file.
    static func count(of file: OpenFile) -> Int {
        guard let directory = unsafe opendir("/proc/self/fd") else { return -1 }
        defer { unsafe closedir(directory) }
        var count = 0
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if let number = Int32(name), OpenFile(number) == file {
                count += 1
            }
        }
        return count
    }

    private static func contents(of path: String) -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return "" }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = unsafe read(descriptor, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
