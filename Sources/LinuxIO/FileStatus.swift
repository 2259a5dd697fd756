import Glibc
import SystemPackage

/// What stands at a path, symbolic links not followed, or what a descriptor refers to.
public struct FileStatus: Equatable, Sendable {
    /// Device and inode: the same pair means the same file, for as long as somebody keeps it from being freed.
    public struct Identity: Equatable, Sendable {
        let device: UInt64
        let inode: UInt64
    }

    /// Which file it is.
    public let identity: Identity

    /// File type and permissions, `st_mode`.
    let mode: UInt32

    /// The size of a regular file.
    public let byteCount: Int

    /// The corresponding C function is `lstat(2)`.
    ///
    /// - Returns: `nil` when nothing is there.
    public init?(at path: String) throws(SystemError) {
        var status = stat()
        switch retryingOnInterrupt({ unsafe lstat(path, &status) }) {
        case .success: break
        case .failure(.noSuchFileOrDirectory): return nil
        case .failure(let errno): throw SystemError(call: "lstat", errno: errno)
        }
        self.init(status)
    }

    /// The corresponding C function is `fstat(2)`.
    ///
    /// - Throws: ``SystemError``, which would be a mistake of ours.
    public init(of descriptor: borrowing OwnedFileDescriptor) throws(SystemError) {
        let number = descriptor.rawValue
        var status = stat()
        try systemCall("fstat") { unsafe fstat(number, &status) }
        self.init(status)
    }

    private init(_ status: stat) {
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        mode = UInt32(status.st_mode)
        byteCount = Int(status.st_size)
    }

    var isSocket: Bool { mode & S_IFMT == S_IFSOCK }

    var isLink: Bool { mode & S_IFMT == S_IFLNK }
    /// Whether there is a directory at a path; one that cannot be looked at is none.
    public static func isDirectory(_ path: String) -> Bool {
        (try? FileStatus(at: path))?.isDirectory == true
    }

    /// Whether it is a file with bytes in it, and no device, directory or link.
    public var isRegularFile: Bool { mode & S_IFMT == S_IFREG }

    var isDirectory: Bool { mode & S_IFMT == S_IFDIR }

    var permissions: UInt32 { mode & 0o7777 }
}
