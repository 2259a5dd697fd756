import Glibc
import LinuxIO
import SystemPackage

/// A file of the user's that is read from its start to its end.
final class LocalFile {
    private let file: OwnedFileDescriptor
    private let path: String
    /// When it was opened.
    let byteCount: UInt64

    /// - Throws: `usage` for what cannot be opened, or is no regular file: the receiver is told a size first.
    init(path: String) throws(CommandFailure) {
        // A pipe without a writer would be waited for in open(2).
        let number = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
        guard number >= 0 else { throw .usage("\(path): \(Errno(rawValue: errno))") }
        file = OwnedFileDescriptor(adopting: number)
        self.path = path
        var status = stat()
        guard unsafe fstat(number, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .usage("\(path): not a regular file")
        }
        byteCount = UInt64(status.st_size)
    }

    /// The next bytes; empty at the end.
    func read(atMost limit: Int) throws(CommandFailure) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        // SAFETY: read(2) writes at most as many bytes as the array has.
        let count = unsafe Glibc.read(file.rawValue, &bytes, limit)
        guard count >= 0 else { throw .incomplete("\(path): \(Errno(rawValue: errno))") }
        bytes.removeLast(limit - count)
        return bytes
    }
}
