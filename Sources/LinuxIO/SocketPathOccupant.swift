import CLinux
import Glibc
import SystemPackage

/// What a path is taken by, as far as binding a socket there is concerned.
enum SocketPathOccupant {
    case nothing
    /// Not a socket.
    case otherFile
    /// A socket that somebody listens on, or one of another kind.
    case socketInUse
    /// A socket that refuses connections: the program that made it is gone.
    case staleSocket(FileStatus)

    /// Looks, and when there is a socket tries to connect to it; without `probing` any socket is one in use.
    ///
    /// The corresponding C functions are `lstat(2)` and `connect(2)`.
    init(at path: String, probing: Bool) throws(SystemError) {
        guard let file = try FileStatus(at: path) else {
            self = .nothing
            return
        }
        // Before anything else, because connect(2) says ECONNREFUSED to every other kind of file too.
        guard file.isSocket else {
            self = .otherFile
            return
        }
        guard probing else {
            self = .socketInUse
            return
        }
        let probe = try makeUnixSocket()
        let result = try unsafe UnixAddress.path(path).withSocketAddress { (pointer, length) throws(SystemError) in
            // SAFETY: pointer and length are good for the duration of the closure.
            retryingOnInterrupt { unsafe connect(probe.rawValue, pointer, length) }
        }
        switch result {
        case .failure(.connectionRefused): self = .staleSocket(file)
        case .failure(.noSuchFileOrDirectory): self = .nothing
        // EAGAIN: the backlog is full, so somebody listens. EPROTOTYPE: a datagram or seqpacket socket, in use.
        case .success, .failure(.wouldBlock), .failure(.protocolWrongTypeForSocket): self = .socketInUse
        case .failure(let errno): throw SystemError(call: "connect", errno: errno)
        }
    }
}
