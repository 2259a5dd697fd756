import Glibc
import SystemPackage

/// What stands at a path, symbolic links not followed.
struct FileStatus: Equatable {
    /// Device and inode: the same pair means the same file, for as long as somebody keeps it from being freed.
    struct Identity: Equatable {
        let device: UInt64
        let inode: UInt64
    }

    let identity: Identity

    /// File type and permissions, `st_mode`.
    let mode: UInt32

    /// The corresponding C function is `lstat(2)`.
    ///
    /// - Returns: `nil` when nothing is there.
    init?(at path: String) throws(SystemError) {
        var status = stat()
        switch retryingOnInterrupt({ unsafe lstat(path, &status) }) {
        case .success: break
        case .failure(.noSuchFileOrDirectory): return nil
        case .failure(let errno): throw SystemError(call: "lstat", errno: errno)
        }
        identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        mode = UInt32(status.st_mode)
    }

    var isSocket: Bool { mode & S_IFMT == S_IFSOCK }

    var isLink: Bool { mode & S_IFMT == S_IFLNK }

    var permissions: UInt32 { mode & 0o7777 }
}
