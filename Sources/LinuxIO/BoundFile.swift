import Glibc
import SystemPackage

/// The file of a socket that was bound here, or a symbolic link that was made here, to be removed at the end only while it
/// still is that one.
///
/// A value of its own, apart from the ``UnixListener`` that made a socket's file: who removes it need not be who
/// listens.
public struct BoundFile: Equatable, Sendable {
    /// Where it is.
    public let path: String
    private let identity: FileStatus.Identity

    init(path: String, status: FileStatus) {
        self.path = path
        identity = status.identity
    }

    /// Makes a symbolic link, in the place of one that is there already, and of nothing else: whoever looks finds the old
    /// one or the new one. The corresponding C functions are `symlink(2)` and `rename(2)`.
    ///
    /// - Parameters:
    ///   - path: where it is to be.
    ///   - target: where it leads.
    /// - Returns: what to remove it by.
    /// - Throws: ``SystemError``; `EEXIST` when something is there that is no link.
    public static func link(at path: String, to target: String) throws(SystemError) -> BoundFile {
        if let found = try FileStatus(at: path), !found.isLink {
            throw SystemError(call: "symlink", errno: .fileExists)
        }
        let temporary = "\(path).new"
        switch retryingOnInterrupt({ unsafe unlink(temporary) }) {
        case .success, .failure(.noSuchFileOrDirectory): break
        case .failure(let errno): throw SystemError(call: "unlink", errno: errno)
        }
        try systemCall("symlink") { unsafe symlink(target, temporary) }
        try systemCall("rename") { unsafe rename(temporary, path) }
        guard let status = try FileStatus(at: path) else {
            throw SystemError(call: "lstat", errno: .noSuchFileOrDirectory)
        }
        return BoundFile(path: CanonicalPath.resolveDirectory(of: path), status: status)
    }

    /// Removes the file when it still is the one made here: a daemon that came after this one may have put its own
    /// there, and keeps it.
    ///
    /// Certain for as long as the listener is open: until then its inode cannot be given to another file, and no other
    /// daemon takes it for stale. What cannot be removed stays behind as after a crash, and the next daemon replaces
    /// it. The corresponding C functions are `lstat(2)` and `unlink(2)`.
    public func removeIfUnchanged() {
        guard let found = try? FileStatus(at: path), found.identity == identity else { return }
        _ = unsafe unlink(path)
    }
}
