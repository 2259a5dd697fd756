package import Glibc

/// A listening UNIX stream socket, for QEMU to connect to: so nothing it writes is lost before we look.
package final class SocketListener {
    private let name: String
    private let descriptor: Int32

    package init(_ name: String, at path: String) throws {
        self.name = name
        descriptor = try makeSocket()
        unsafe unlink(path)
        try expect(
            unsafe withAddress(of: path, { unsafe bind(descriptor, $0, $1) }) == 0 && listen(descriptor, 1) == 0,
            "cannot listen at \(path): errno \(errno)")
    }

    deinit { close(descriptor) }

    package func accept(within duration: Duration) throws -> SocketStream {
        var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let ready = unsafe poll(&entry, 1, Deadline(within: duration).milliseconds)
        try expect(ready == 1, "nobody connected to \(name) within \(duration)")
        let accepted = Glibc.accept(descriptor, nil, nil)
        try expect(accepted >= 0, "cannot accept on \(name): errno \(errno)")
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return SocketStream(name, adopting: accepted)
    }
}

/// A UNIX stream socket that children do not inherit.
package func makeSocket() throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    try expect(descriptor >= 0, "no socket: errno \(errno)")
    return descriptor
}

/// Calls `body` with the address of a socket file.
package func withAddress<Result>(of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) throws
    -> Result
{
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    try expect(bytes.count < MemoryLayout.size(ofValue: address.sun_path), "too long for a socket: \(path)")
    unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
    // SAFETY: a sockaddr_un is what sockaddr stands for when the family is AF_UNIX.
    return unsafe withUnsafePointer(to: &address) {
        unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
        }
    }
}
