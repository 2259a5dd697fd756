import Glibc
import LinuxIO
import SystemPackage

/// Reads a whole file that an operator has named.
enum FileContents {
    /// The corresponding C functions are open(2) and read(2). Any file will do that can be read to its end, a pipe too:
    /// `--config <(make-config vm1)`.
    ///
    /// - Parameters:
    ///   - path: of the file.
    ///   - limit: the most bytes it may have.
    /// - Returns: its bytes; `nil` when there are more.
    /// - Throws: ``SystemError`` of the host.
    static func read(_ path: String, atMost limit: Int) throws(SystemError) -> [UInt8]? {
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard number >= 0 else { throw SystemError(call: "open", errno: Errno(rawValue: errno)) }
        let file = OwnedFileDescriptor(adopting: number)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            // SAFETY: the buffer is valid during the call.
            let count = unsafe buffer.withUnsafeMutableBytes {
                unsafe Glibc.read(file.rawValue, $0.baseAddress, $0.count)
            }
            guard count >= 0 else {
                guard errno == EINTR else { throw SystemError(call: "read", errno: Errno(rawValue: errno)) }
                continue
            }
            guard count > 0 else { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else { return nil }
        }
    }
}
