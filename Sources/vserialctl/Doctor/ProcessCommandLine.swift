import Glibc
import SystemPackage

/// What `/proc` says of another process.
enum ProcessCommandLine {
    /// A longer one is none: the kernel allows 6 MiB, and no VM needs a part of that.
    private static let maximumByteCount = 1 << 20

    /// The words that a process was started with, each ended by a NUL.
    static func words(of process: Int32) -> Result<[UInt8], Errno> {
        do {
            let file = try unsafe FileDescriptor.open("/proc/\(process)/cmdline", .readOnly, options: .closeOnExec)
            return .success(
                try file.closeAfter {
                    var bytes: [UInt8] = []
                    var buffer = [UInt8](repeating: 0, count: 65536)
                    while bytes.count < maximumByteCount {
                        let count = try unsafe buffer.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
                        if count == 0 { break }
                        bytes += buffer[..<count]
                    }
                    return bytes
                })
        } catch {
            return .failure(error as? Errno ?? .ioError)
        }
    }
}
