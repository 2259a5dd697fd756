import Glibc
import LinuxIO
import Testing

/// A program on the host that is connected to a port. Nothing it does waits.
final class HostClient {
    /// −1 once it is closed.
    private(set) var descriptor: Int32

    init(connectingTo address: UnixAddress) throws {
        descriptor = try UnixStream.connect(to: address).takeDescriptor().release()
    }

    deinit { close() }

    /// Ends the connection as a program's end does. The loop has not seen it yet.
    func close() {
        guard descriptor >= 0 else { return }
        // A process that another test is just starting holds a copy of every descriptor for a moment; the other end is to
        // see the end now.
        _ = shutdown(descriptor, Int32(SHUT_RDWR))
        _ = Glibc.close(descriptor)
        descriptor = -1
    }

    /// Sends what the socket takes; returns how many bytes that were, or −1 when nobody reads any more.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe Glibc.send(
                    descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_DONTWAIT | MSG_NOSIGNAL))
            }
            guard count > 0 else { return errno == EAGAIN || sent > 0 ? sent : -1 }
            sent += count
        }
        return sent
    }

    /// What there is to read now, at most `limit` bytes of it.
    func receive(atMost limit: Int = .max) -> [UInt8] {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: min(limit, 1 << 16))
        while bytes.count < limit {
            let count = unsafe recv(
                descriptor, &piece, min(piece.count, limit - bytes.count), Int32(MSG_DONTWAIT))
            guard count > 0 else { break }
            bytes += piece[..<count]
        }
        return bytes
    }

    /// How many bytes wait to be read.
    var unreadByteCount: Int {
        var count: Int32 = 0
        _ = unsafe ioctl(descriptor, UInt(FIONREAD), &count)
        return Int(count)
    }

    /// Whether everything was read and no more will come.
    var isAtEnd: Bool {
        var byte: UInt8 = 0
        let flags = Int32(MSG_DONTWAIT | MSG_PEEK)
        let count = unsafe recv(descriptor, &byte, 1, flags)
        return count == 0 || count < 0 && errno != EAGAIN
    }

    /// Whether the other side has closed the connection altogether, and not only its sending direction.
    var isCutOff: Bool {
        var entry = pollfd(fd: descriptor, events: 0, revents: 0)
        return unsafe poll(&entry, 1, 0) == 1 && Int32(entry.revents) & POLLHUP != 0
    }

    func endSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }
    func endReceiving() { _ = shutdown(descriptor, Int32(SHUT_RD)) }

    /// Makes its socket take little: the kernel raises this to its minimum of some 4 KiB.
    func shrinkSendBuffer() { setSmallSendBuffer(descriptor) }
    /// Makes its socket take a turn's worth at once.
    func growSendBuffer() { setSendBuffer(descriptor, 1 << 20) }
}

/// Limits what a socket holds for its reader to some 4 KiB.
func setSmallSendBuffer(_ descriptor: Int32) { setSendBuffer(descriptor, 1) }

private func setSendBuffer(_ descriptor: Int32, _ byteCount: Int32) {
    var size = byteCount
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size))
}

/// Bytes of which each piece tells where it belongs.
func pattern(_ count: Int, from start: Int = 0) -> [UInt8] {
    (start..<start + count).map { UInt8(truncatingIfNeeded: ($0 &* 0x9E37_79B1) >> 13) }
}

/// Compares bytes, and says where they differ. (`#expect` would look for the shortest way from one array to the other, which takes for
/// ever when both are long.)
func expectEqual(_ found: [UInt8], _ expected: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) {
    guard found != expected else { return }
    let common = zip(found, expected).prefix { $0 == $1 }.count
    Issue.record(
        "\(found.count) bytes instead of \(expected.count), the same up to \(common)", sourceLocation: sourceLocation)
}
