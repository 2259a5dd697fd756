import Glibc
import LinuxIO
import SystemPackage

/// Connecting over TCP.
enum TCPConnection {
    /// Connects to the first of a host's addresses that answers.
    ///
    /// - Throws: `incomplete`, with the last address's reason.
    static func connect(to host: String, port: UInt16, until deadline: Deadline) throws(CommandFailure) -> SocketEnd {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        let code = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard code == 0 else { throw .incomplete("\(host): \(unsafe String(cString: gai_strerror(code)))") }
        defer { unsafe freeaddrinfo(list) }
        var failure = Errno.addressNotAvailable
        var next = unsafe list
        // SAFETY: the list is ours until it is freed.
        while let entry = unsafe next {
            do throws(SystemError) {
                return SocketEnd(UnixStream(adopting: try unsafe connect(to: entry.pointee, until: deadline)))
            } catch {
                failure = error.errno
            }
            unsafe next = entry.pointee.ai_next
        }
        throw .incomplete("\(host):\(port): \(failure)")
    }

    private static func connect(
        to address: addrinfo, until deadline: Deadline
    ) throws(SystemError) -> OwnedFileDescriptor {
        let type = unsafe address.ai_socktype | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        let number = unsafe socket(address.ai_family, type, address.ai_protocol)
        guard number >= 0 else { throw SystemError(call: "socket", errno: Errno(rawValue: errno)) }
        let socket = OwnedFileDescriptor(adopting: number)
        if unsafe Glibc.connect(number, address.ai_addr, address.ai_addrlen) == 0 { return socket }
        let begun = Errno(rawValue: errno)
        guard begun == .nowInProgress else { throw SystemError(call: "connect", errno: begun) }
        let isReady = (try? Readiness.wait(for: number, POLLOUT, until: deadline)) ?? false
        guard isReady else { throw SystemError(call: "connect", errno: .timedOut) }
        var code: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        guard unsafe getsockopt(number, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code == 0 else {
            throw SystemError(call: "connect", errno: Errno(rawValue: code))
        }
        return socket
    }
}
