import Glibc
import LinuxIO
import SystemPackage

/// The file, or the files in turn, that a capture is written to.
///
/// Only whole blocks stay in a file: what a full disk has cut is taken back. Made anew and never written over: what is
/// there already belongs to somebody.
///
/// ## Concurrency
/// On the control thread.
final class CaptureFile {
    enum End: Error, Equatable {
        /// The only file there may be is full.
        case full
        case failed(SystemError)
    }

    private let path: String
    private let header: [UInt8]
    private let maximumByteCount: Int
    private let fileCount: Int
    private var file: OwnedFileDescriptor
    /// Of whole blocks in the file of now.
    private var byteCount = 0

    /// Makes the first file and writes its header.
    ///
    /// - Parameters:
    ///   - path: of the file of now; older ones are `path.1` (the youngest) and so on.
    ///   - header: the beginning of each file.
    ///   - maximumByteCount: of each file.
    ///   - fileCount: how many there are at most, 1 or more; with one, it ends when it is full.
    /// - Throws: ``End/failed(_:)``: there is such a file, or it cannot be made.
    init(path: String, header: [UInt8], maximumByteCount: Int, fileCount: Int) throws(End) {
        self.path = path
        self.header = header
        self.maximumByteCount = maximumByteCount
        self.fileCount = fileCount
        file = try Self.make(path)
        do {
            try write(header)
        } catch {
            _ = unsafe unlink(path)
            throw error
        }
    }

    /// Appends whole blocks.
    func append(_ blocks: [UInt8]) throws(End) {
        if byteCount + blocks.count > maximumByteCount, byteCount > header.count {
            guard fileCount > 1 else { throw .full }
            try rotate()
        }
        try write(blocks)
    }

    private func write(_ blocks: [UInt8]) throws(End) {
        do throws(SystemError) {
            try file.write(blocks)
        } catch {
            // Back to the last whole block; when that fails too, a reader stops at the cut one.
            _ = ftruncate(file.rawValue, off_t(byteCount))
            throw .failed(error)
        }
        byteCount += blocks.count
    }

    private func rotate() throws(End) {
        for index in stride(from: fileCount - 2, through: 0, by: -1) {
            let source = index == 0 ? path : "\(path).\(index)"
            // The oldest one is replaced; one that somebody has taken away is not missed.
            guard unsafe rename(source, "\(path).\(index + 1)") == 0 || errno == ENOENT else {
                throw .failed(SystemError(call: "rename", errno: Errno(rawValue: errno)))
            }
        }
        file = try Self.make(path)
        byteCount = 0
        try write(header)
    }

    private static func make(_ path: String) throws(End) -> OwnedFileDescriptor {
        // Appending: what was taken back leaves no hole behind it.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let number = unsafe open(path, flags, 0o600)
        guard number >= 0 else { throw .failed(SystemError(call: "open", errno: Errno(rawValue: errno))) }
        return OwnedFileDescriptor(adopting: number)
    }
}
