import CLinux
import Glibc
import SystemPackage

/// Who called `connect(2)`, as the kernel saw it at that moment. The process may have gone since and its number be
/// another's.
public struct PeerCredentials: Equatable, Sendable {
    /// Process number, as this process's namespace shows it; 0 when it is in a namespace that is not visible here.
    public let processIdentifier: Int32

    /// Effective user number.
    public let userIdentifier: UInt32

    /// Effective group number.
    public let groupIdentifier: UInt32
}

/// Two ends connected to each other. A tuple cannot hold values that are not copyable.
///
/// Frozen, so that other modules can take the ends out one by one.
@frozen
public struct UnixStreamPair: ~Copyable, Sendable {
    /// One end.
    public var first: UnixStream

    /// The other end.
    public var second: UnixStream

    init(first: consuming UnixStream, second: consuming UnixStream) {
        self.first = first
        self.second = second
    }
}

/// What concerns the connection as a whole and not its bytes.
extension UnixStream {
    /// Makes two ends connected to each other, closed on `exec`. The corresponding C function is `socketpair(2)`.
    ///
    /// - Throws: ``SystemError`` when the process or the machine has no descriptor left.
    public static func pair() throws(SystemError) -> UnixStreamPair {
        var numbers: (Int32, Int32) = (-1, -1)
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        try systemCall("socketpair") {
            unsafe withUnsafeMutableBytes(of: &numbers) { bytes in
                // SAFETY: a tuple of two Int32 is laid out as int[2].
                unsafe socketpair(AF_UNIX, type, 0, bytes.bindMemory(to: Int32.self).baseAddress)
            }
        }
        return UnixStreamPair(
            first: UnixStream(adopting: OwnedFileDescriptor(adopting: numbers.0)),
            second: UnixStream(adopting: OwnedFileDescriptor(adopting: numbers.1)))
    }

    /// Ends the sending direction: the peer receives what is on its way, then the end of the file. The corresponding C
    /// function is `shutdown(2)` with `SHUT_WR`.
    ///
    /// - Throws: ``SystemError``.
    public func shutdownSend() throws(SystemError) {
        try systemCall("shutdown(SHUT_WR)") { shutdown(rawValue, Int32(SHUT_WR)) }
    }

    /// Ends the receiving direction: the peer's sending fails from now on. What it sent before can still be received.
    /// The corresponding C function is `shutdown(2)` with `SHUT_RD`.
    ///
    /// - Throws: ``SystemError``.
    public func shutdownReceive() throws(SystemError) {
        try systemCall("shutdown(SHUT_RD)") { shutdown(rawValue, Int32(SHUT_RD)) }
    }

    /// How many bytes the peer sent that were not received yet. The corresponding C function is `ioctl(2)` with
    /// `FIONREAD`.
    ///
    /// - Throws: ``SystemError``.
    public func unreadByteCount() throws(SystemError) -> Int {
        var count: Int32 = 0
        try systemCall("ioctl(FIONREAD)") { unsafe ioctl(rawValue, UInt(FIONREAD), &count) }
        return Int(count)
    }

    /// Who connected. The corresponding C function is `getsockopt(2)` with `SO_PEERCRED`.
    ///
    /// On the connecting side: who called `listen(2)`. On a pair: who made it.
    ///
    /// - Throws: ``SystemError``.
    public func peerCredentials() throws(SystemError) -> PeerCredentials {
        var process: Int32 = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
        try systemCall("getsockopt(SO_PEERCRED)") { unsafe clinux_peer_credentials(rawValue, &process, &user, &group) }
        return PeerCredentials(processIdentifier: process, userIdentifier: user, groupIdentifier: group)
    }

    /// The supplementary groups of who connected. The corresponding C function is `getsockopt(2)` with `SO_PEERGROUPS`.
    ///
    /// - Throws: ``SystemError``.
    public func peerSupplementaryGroups() throws(SystemError) -> [UInt32] {
        var groups = [UInt32](repeating: 0, count: 64)
        while true {
            var count = 0
            switch retryingOnInterrupt({ unsafe clinux_peer_groups(rawValue, &groups, groups.count, &count) }) {
            case .success: return Array(groups[..<count])
            // The kernel has at most 65536 (NGROUPS_MAX), and said how many these are.
            case .failure(.outOfRange) where count > groups.count: groups = Array(repeating: 0, count: count)
            case .failure(let errno): throw SystemError(call: "getsockopt(SO_PEERGROUPS)", errno: errno)
            }
        }
    }

    /// Limits what may be on its way to the peer. The corresponding C function is `setsockopt(2)` with `SO_SNDBUF`.
    ///
    /// - Parameter byteCount: the kernel doubles it, for its own structures, and raises it to its minimum of some 4
    ///   KiB.
    /// - Throws: ``SystemError``.
    public func setSendBuffer(byteCount: Int32) throws(SystemError) {
        var value = byteCount
        try systemCall("setsockopt(SO_SNDBUF)") {
            unsafe setsockopt(rawValue, SOL_SOCKET, SO_SNDBUF, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }
}
