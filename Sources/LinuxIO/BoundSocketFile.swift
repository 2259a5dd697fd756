import Glibc

/// The file of a socket that was bound here, to be removed at the end only while it still is that one.
///
/// A value of its own, apart from the ``UnixListener`` that made the file: who removes it need not be who listens.
public struct BoundSocketFile: Equatable, Sendable {
    /// Where it was bound.
    public let path: String
    private let identity: FileStatus.Identity

    init(path: String, status: FileStatus) {
        self.path = path
        identity = status.identity
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
