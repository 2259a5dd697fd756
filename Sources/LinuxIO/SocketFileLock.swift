import Glibc
import SystemPackage

/// The right to decide what stands at a socket path, among the programs that ask for it here.
///
/// Between `bind(2)` and `listen(2)` a socket refuses connections just as a dead one does. Without a lock, a second
/// daemon that looks in that moment takes the first one's socket for stale and replaces it. So whoever binds holds this
/// from the first look until it listens.
///
/// A file of its own next to the socket, `PATH.lock`, and not `flock(2)` on the directory: others lock directories for
/// as long as they live (systemd-tmpfiles honours that), and we would wait for them. Not a file that stays for the
/// daemon's life either: it would outlive a crash, say nothing that `connect(2)` does not say, and be one more file per
/// port.
struct SocketFileLock: ~Copyable {
    let path: String
    private let lockPath: String
    private let descriptor: OwnedFileDescriptor

    /// Waits for the lock; others hold it for a few system calls only. The corresponding C functions are `open(2)` and
    /// `flock(2)`.
    ///
    /// - Parameter path: of the socket.
    /// - Throws: ``SystemError`` when the file cannot be made; `ENOENT` when the directory is missing.
    init(path: String) throws(SystemError) {
        let lockPath = path + ".lock"
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
        while true {
            let number = try systemCall("open") { unsafe open(lockPath, flags, 0o600) }
            let candidate = OwnedFileDescriptor(adopting: number)
            try systemCall("flock") { flock(candidate.rawValue, LOCK_EX) }
            // The holder before removed the file at its end. Locking what has no name locks nobody out: once more then.
            var status = stat()
            try systemCall("fstat") { unsafe fstat(candidate.rawValue, &status) }
            guard status.st_nlink == 0 else {
                self.path = path
                self.lockPath = lockPath
                descriptor = candidate
                return
            }
        }
    }

    deinit {
        // While still held: the one who waits finds the name gone and makes a new file.
        _ = unsafe unlink(lockPath)
    }
}
