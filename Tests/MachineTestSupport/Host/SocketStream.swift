import Glibc

/// A connected UNIX stream socket on which every wait has a limit.
package final class SocketStream {
    /// What the peer's end of the stream looks like when a wait is over.
    package enum Received: Equatable {
        case bytes([UInt8])
        case endOfFile
        case reset
    }

    package let name: String
    /// Still the stream's: for who measures and makes the system calls.
    package private(set) var descriptor: Int32

    /// Takes ownership of `descriptor`.
    package init(_ name: String, adopting descriptor: Int32) {
        self.name = name
        self.descriptor = descriptor
        let flags = fcntl(descriptor, F_GETFL)
        _ = fcntl(descriptor, F_SETFL, flags | O_NONBLOCK)
    }

    deinit { close() }

    package func close() {
        if descriptor >= 0 { Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Connects to `path`, trying again for as long as nobody listens there.
    package static func connect(_ name: String, to path: String, within duration: Duration) throws -> SocketStream {
        var connected: SocketStream?
        try Deadline.wait(for: "a listener at \(path)", within: duration) {
            let descriptor = try makeSocket()
            if try unsafe withAddress(of: path, { unsafe Glibc.connect(descriptor, $0, $1) }) == 0 {
                connected = SocketStream(name, adopting: descriptor)
                return true
            }
            let reason = errno
            Glibc.close(descriptor)
            try expect(
                [ENOENT, ECONNREFUSED, EAGAIN].contains(reason), "cannot connect to \(path): errno \(reason)")
            return false
        }
        guard let connected else { throw Failure("not connected to \(path)") }
        return connected
    }

    /// Waits until one of `events` (POLLIN, POLLOUT) or an error is there; nothing at the deadline.
    package func poll(for events: Int32, by deadline: Deadline) -> Int32 {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        while unsafe Glibc.poll(&entry, 1, deadline.milliseconds) < 0 && errno == EINTR {}
        return Int32(entry.revents)
    }

    /// Whether the peer has closed or shut down its side, as far as can be told without taking bytes.
    package var hasEnded: Bool {
        var byte: UInt8 = 0
        let peeked = unsafe recv(descriptor, &byte, 1, Int32(MSG_DONTWAIT) | Int32(MSG_PEEK))
        return peeked == 0 || poll(for: 0, by: Deadline(within: .zero)) != 0
    }

    /// What is there now, up to `count` bytes; `nil` when nothing is.
    package func receiveNow(upTo count: Int) throws -> Received? {
        var failure: Int32 = 0
        // SAFETY: recv(2) writes at most `count` bytes and says how many.
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            let received = unsafe recv(descriptor, buffer.baseAddress, count, Int32(MSG_DONTWAIT))
            failure = received < 0 ? errno : 0
            filled = max(0, received)
        }
        switch failure {
        case 0: return bytes.isEmpty ? .endOfFile : .bytes(bytes)
        case EAGAIN, EINTR: return nil
        case ECONNRESET: return .reset
        default: throw Failure("\(name): cannot receive: errno \(failure)")
        }
    }

    /// The next bytes, or the end of the stream.
    package func receive(upTo count: Int, by deadline: Deadline) throws -> Received {
        while true {
            if let received = try receiveNow(upTo: count) { return received }
            try expect(!deadline.hasPassed, "\(name): nothing more arrived in time")
            _ = poll(for: POLLIN, by: deadline)
        }
    }

    /// Sends what the socket takes now.
    ///
    /// - Returns: how many of the bytes, 0 when it is full.
    package func sendNow(_ bytes: ArraySlice<UInt8>) throws -> Int {
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL)
        // SAFETY: the slice's storage lives through the call.
        let sent = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
        if sent >= 0 { return sent }
        try expect(errno == EAGAIN || errno == EINTR, "\(name): cannot send: errno \(errno)")
        return 0
    }

    package func send(_ bytes: [UInt8], by deadline: Deadline) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            rest = try rest.dropFirst(sendNow(rest))
            if rest.isEmpty { return }
            try expect(!deadline.hasPassed, "\(name): \(rest.count) of \(bytes.count) bytes not taken in time")
            _ = poll(for: POLLOUT, by: deadline)
        }
    }

    package func shutdownSend() { shutdown(descriptor, Int32(SHUT_WR)) }
}
