import CLinux
import Glibc
import SystemPackage

extension UnixListener {
    /// Makes a socket that listens at an address.
    ///
    /// At a path, what is there already decides:
    /// - nothing: the socket is made;
    /// - a socket that refuses connections (`ECONNREFUSED`), left by a program that died: it is replaced;
    /// - a socket that somebody listens on: `addressInUse`. Finding out is a connection that he sees come and go;
    /// - anything else, symbolic links included: `notASocket`.
    ///
    /// Of several daemons that bind the same path at the same time, one gets it. Nobody can connect before mode and
    /// group are as asked: the file has no more rights than `mode` from its first instant, and connections are refused
    /// until the last step, `listen(2)`.
    ///
    /// Needs write permission in the directory, where `PATH.lock` exists for the duration. When the process's umask
    /// takes rights away that `mode` has, `/proc` is needed to add them without following a symbolic link. The
    /// corresponding C functions are `bind(2)` and `listen(2)`.
    ///
    /// - Parameters:
    ///   - address: a path or an abstract name; the latter has neither mode nor group.
    ///   - mode: permissions of the file, such as `0o600`; who may write may connect.
    ///   - owner: the user the file is given to, which takes root; `nil` leaves it to whoever we are.
    ///   - group: the group the file is given to; `nil` leaves the one it gets by itself.
    ///   - type: what the socket carries.
    ///   - backlog: how many connections may wait for ``accept()``.
    ///   - probing: whether to find out by a connection if a socket that is there is still listened on, and to replace
    ///     it when it is not; otherwise it is taken for one that is. Where connect(2) is not allowed.
    /// - Returns: the listener, non-blocking and closed on `exec`.
    /// - Throws: ``UnixListenerError``; nothing is left behind then.
    public static func bind(
        to address: UnixAddress, mode: UInt16, owner: UInt32? = nil, group: UInt32? = nil,
        type: UnixSocketType = .stream, backlog: Int32 = 16, probing: Bool = true
    ) throws(UnixListenerError) -> UnixListener {
        switch address {
        case .abstract:
            return try sortingErrors(of: address.description) { () throws(SystemError) in
                let socket = try makeUnixSocket(type)
                try bind(socket, to: address)
                try systemCall("listen") { listen(socket.rawValue, backlog) }
                return UnixListener(socket, address: address, boundFile: nil)
            }
        case .path(let path):
            let lock = try sortingErrors(of: path) { () throws(SystemError) in try SocketFileLock(path: path) }
            return try bind(
                holding: lock, mode: UInt32(mode), owner: owner, group: group, type: type, backlog: backlog,
                probing: probing)
        }
    }

    /// Makes the socket at the path of `lock`, which is held until this returns because it is borrowed.
    private static func bind(
        holding lock: borrowing SocketFileLock, mode: UInt32, owner: UInt32?, group: UInt32?, type: UnixSocketType,
        backlog: Int32, probing: Bool
    ) throws(UnixListenerError) -> UnixListener {
        let path = lock.path
        try removeStaleSocket(holding: lock, probing: probing)
        let socket = try sortingErrors(of: path) { () throws(SystemError) in
            let socket = try makeUnixSocket(type)
            // On Linux bind(2) gives the file the mode of the socket's own inode, less the umask. So it never has a
            // right too many, as it would between bind(2) and chmod(2); and no umask is set, which is the whole
            // process's and would hit other threads' files.
            try systemCall("fchmod") { fchmod(socket.rawValue, mode) }
            try bind(socket, to: .path(path))
            return socket
        }
        do throws(UnixListenerError) {
            try setOwner(owner, group, ofSocketAt: path)
            let status = try setMode(mode, ofSocketAt: path)
            let file = BoundFile(path: CanonicalPath.resolve(path), status: status)
            let number = socket.rawValue
            try sortingErrors(of: path) { () throws(SystemError) in
                _ = try systemCall("listen") { listen(number, backlog) }
            }
            return UnixListener(socket, address: .path(path), boundFile: file)
        } catch {
            // Ours: bind(2) succeeded, and the lock is held.
            _ = unsafe unlink(path)
            throw error
        }
    }

    /// Removes a socket file that nobody listens on; throws for whatever else is at the path of `lock`.
    private static func removeStaleSocket(
        holding lock: borrowing SocketFileLock, probing: Bool
    ) throws(UnixListenerError) {
        let path = lock.path
        let occupant = try sortingErrors(of: path) { () throws(SystemError) in
            try SocketPathOccupant(at: path, probing: probing)
        }
        switch occupant {
        case .nothing: return
        case .otherFile: throw .notASocket(path)
        case .socketInUse: throw .addressInUse(path)
        case .staleSocket(let stale):
            try sortingErrors(of: path) { () throws(SystemError) in
                // Looked at again: a program that knows no lock of ours may have put another file there meanwhile.
                guard let found = try FileStatus(at: path), found.identity == stale.identity else { return }
                try systemCall("unlink") { unsafe unlink(path) }
            }
        }
    }

    private static func setOwner(
        _ owner: UInt32?, _ group: UInt32?, ofSocketAt path: String
    ) throws(UnixListenerError) {
        guard owner != nil || group != nil else { return }
        let unchanged = uid_t.max
        switch retryingOnInterrupt({ unsafe lchown(path, owner ?? unchanged, group ?? unchanged) }) {
        case .success: return
        case .failure(.notPermitted) where group != nil: throw .groupNotAllowed(path, group: group ?? unchanged)
        case .failure(let errno): throw UnixListenerError(SystemError(call: "lchown", errno: errno), path: path)
        }
    }

    /// Adds the rights that the umask took away, and returns what stands at the path.
    private static func setMode(_ mode: UInt32, ofSocketAt path: String) throws(UnixListenerError) -> FileStatus {
        try sortingErrors(of: path) { () throws(SystemError) in
            guard let status = try FileStatus(at: path) else {
                throw SystemError(call: "lstat", errno: .noSuchFileOrDirectory)
            }
            if status.permissions != mode {
                try systemCall("fchmodat") { unsafe fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) }
            }
            return status
        }
    }

    private static func bind(_ socket: borrowing OwnedFileDescriptor, to address: UnixAddress) throws(SystemError) {
        let number = socket.rawValue
        _ = try unsafe address.withSocketAddress { (pointer, length) throws(SystemError) in
            // SAFETY: pointer and length are good for the duration of the closure.
            try systemCall("bind") { unsafe Glibc.bind(number, pointer, length) }
        }
    }

    /// Runs calls about `path`, and says in the operator's terms what they fail with.
    private static func sortingErrors<Value: ~Copyable>(
        of path: String, _ body: () throws(SystemError) -> Value
    ) throws(UnixListenerError) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw UnixListenerError(error, path: path)
        }
    }
}
