import Glibc
import SystemPackage

/// What can be found out about a socket that another program opened for this one.
public enum InheritedSocket {
    /// Tells a listening UNIX stream socket from a connected one. The corresponding C function is `getsockopt(2)` with
    /// `SO_DOMAIN`, `SO_TYPE` and `SO_ACCEPTCONN`.
    ///
    /// - Parameter descriptor: borrowed.
    /// - Returns: whether `listen(2)` was called on it.
    /// - Throws: ``SystemError``, at the fault of whoever passed the descriptor; `EBADF` when it is not open,
    ///   `ENOTSOCK` when it is no socket, `EAFNOSUPPORT` when it is no UNIX socket, `EPROTOTYPE` when it is no stream.
    public static func isListening(_ descriptor: Int32) throws(SystemError) -> Bool {
        guard try option(SO_DOMAIN, of: descriptor, call: "getsockopt(SO_DOMAIN)") == AF_UNIX else {
            throw SystemError(call: "getsockopt(SO_DOMAIN)", errno: .addressFamilyNotSupported)
        }
        guard try option(SO_TYPE, of: descriptor, call: "getsockopt(SO_TYPE)") == Int32(SOCK_STREAM.rawValue) else {
            throw SystemError(call: "getsockopt(SO_TYPE)", errno: .protocolWrongTypeForSocket)
        }
        return try option(SO_ACCEPTCONN, of: descriptor, call: "getsockopt(SO_ACCEPTCONN)") != 0
    }

    private static func option(_ option: Int32, of descriptor: Int32, call: String) throws(SystemError) -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        try systemCall(call) { unsafe getsockopt(descriptor, SOL_SOCKET, option, &value, &length) }
        return value
    }
}
