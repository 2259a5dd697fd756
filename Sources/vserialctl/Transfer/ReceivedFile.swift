import Glibc
import LinuxIO
import SystemPackage

/// A file that is there whole or not at all: it gets its name when its last byte has been checked.
final class ReceivedFile {
    private let file: OwnedFileDescriptor
    private let path: String
    private let partPath: String
    private var isKept = false

    /// - Throws: `usage` when there can be no file at this path.
    init(path: String) throws(CommandFailure) {
        self.path = path
        partPath = "\(path).part-\(getpid())"
        // O_EXCL follows no link that somebody has put there.
        let number = unsafe open(partPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard number >= 0 else { throw .usage("\(path): \(Errno(rawValue: errno))") }
        file = OwnedFileDescriptor(adopting: number)
    }

    deinit {
        if !isKept { _ = unsafe unlink(partPath) }
    }

    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // SAFETY: the buffer is valid during the call.
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file.rawValue, $0.baseAddress, $0.count) }
            guard count >= 0 else { throw .incomplete("\(path): \(Errno(rawValue: errno))") }
            rest = rest.dropFirst(count)
        }
    }

    /// Gives the file its name, in place of one that had it.
    func keep() throws(CommandFailure) {
        guard unsafe rename(partPath, path) == 0 else { throw .incomplete("\(path): \(Errno(rawValue: errno))") }
        isKept = true
    }
}
