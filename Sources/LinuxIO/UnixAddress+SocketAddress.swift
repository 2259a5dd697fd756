import CLinux
import Glibc
import SystemPackage

extension UnixAddress {
    /// Calls `body` with the address as `bind(2)` and `connect(2)` take it.
    ///
    /// - Throws: ``SystemError`` with `EINVAL` for an address that ``init(_:)`` would have refused: the cases can be
    ///   made without it, and a cut off path would be somebody else's. Otherwise what `body` throws.
    func withSocketAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        let name: String
        let nameOffset: Int
        switch self {
        case .path(let path): (name, nameOffset) = (path, 0)
        // A NUL in front is what makes a name abstract. The length says where it ends: no NUL behind, or that would
        // belong to the name.
        case .abstract(let abstractName): (name, nameOffset) = (abstractName, 1)
        }
        let byteCount = name.utf8.count
        guard byteCount > 0, byteCount <= Self.maximumByteCount, !name.utf8.contains(0) else {
            throw SystemError(call: "sockaddr_un", errno: .invalidArgument)
        }

        // Zeroed, so that a path ends with a NUL.
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { destination in
            // SAFETY: nameOffset + byteCount <= 108, the size of sun_path.
            for (index, byte) in name.utf8.enumerated() {
                unsafe destination[nameOffset + index] = byte
            }
        }
        let pathOffset = MemoryLayout<sockaddr_un>.offset(of: \.sun_path) ?? MemoryLayout<sa_family_t>.size
        let length = socklen_t(pathOffset + byteCount + 1)
        // SAFETY: every socket address starts like sockaddr; the kernel reads `length` bytes, which lie inside
        // `address`.
        return try unsafe withUnsafePointer(to: &address) { pointer throws(SystemError) in
            try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound throws(SystemError) in
                try unsafe body(rebound, length)
            }
        }
    }
}

/// What a UNIX socket carries.
public enum UnixSocketType: Sendable {
    /// Bytes. `SOCK_STREAM`
    case stream
    /// Records, whole and in order, over a connection. `SOCK_SEQPACKET`
    case records
}

/// Makes a UNIX socket, closed on `exec` and non-blocking. The corresponding C function is `socket(2)`.
func makeUnixSocket(_ type: UnixSocketType = .stream) throws(SystemError) -> OwnedFileDescriptor {
    let type = type == .stream ? SOCK_STREAM : SOCK_SEQPACKET
    let flags = Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    return OwnedFileDescriptor(adopting: try systemCall("socket") { socket(AF_UNIX, flags, 0) })
}
