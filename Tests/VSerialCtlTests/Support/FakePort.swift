import Glibc
import LinuxIO
import Synchronization
import Testing

/// A port's socket on the host; the test plays the guest, for one client after the other.
final class FakePort {
    /// Where it listens.
    let path: String
    private let listener: UnixListener
    private static let count = Atomic<Int>(0)

    init() throws {
        path = "@vserialctl-port-\(getpid())-\(Self.count.add(1, ordering: .relaxed).newValue)"
        listener = try UnixListener.bind(to: try UnixAddress(path), mode: 0o600)
    }

    /// Waits for the next client.
    func accept() throws -> PortPeer { PortPeer(try acceptStream()) }

    /// Whether somebody has connected whom nobody has accepted yet.
    var isSomebodyThere: Bool {
        var entry = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
        return unsafe poll(&entry, 1, 0) == 1
    }

    func acceptStream() throws -> UnixStream {
        while true {
            var entry = pollfd(fd: listener.rawValue, events: Int16(POLLIN), revents: 0)
            try #require(unsafe poll(&entry, 1, SpawnedTool.patienceMilliseconds) == 1, "no client came")
            if let stream = try listener.accept() { return stream }
        }
    }
}

/// What the guest says and hears, on one connection.
final class PortPeer: @unchecked Sendable {
    private let stream: UnixStream
    private var unread: [UInt8] = []

    init(_ stream: consuming UnixStream) {
        self.stream = stream
    }

    func say(_ text: String) throws { try say(Array(text.utf8)) }

    func say(_ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch try unsafe stream.send(rest.span.bytes) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: try wait(POLLOUT)
            case .endOfFile, .reset: return
            }
        }
    }

    /// Waits for so many bytes, or the end.
    func hear(_ count: Int) throws -> [UInt8] {
        while unread.count < count, try receive() {}
        defer { unread.removeFirst(min(count, unread.count)) }
        return Array(unread.prefix(count))
    }

    /// Waits for a line, or the end; without the line's end.
    func hearLine() throws -> String? {
        while true {
            if let end = unread.firstIndex(of: 0x0A) {
                defer { unread.removeFirst(end + 1) }
                return String(decoding: unread[..<end], as: UTF8.self)
            }
            guard try receive() else { return nil }
        }
    }

    /// Waits for the end.
    func hearRest() throws -> [UInt8] {
        while try receive() {}
        defer { unread = [] }
        return unread
    }

    /// Nothing is read any more, and who speaks meanwhile is told so.
    func close() throws {
        try stream.shutdownReceive()
        try stream.shutdownSend()
    }

    func hangUp() throws { try stream.shutdownSend() }

    private func receive() throws -> Bool {
        while true {
            switch try stream.receive(appendingTo: &unread, atMost: 65536) {
            case .bytes: return true
            case .wouldBlock: try wait(POLLIN)
            case .endOfFile, .reset: return false
            }
        }
    }

    private func wait(_ event: Int32) throws {
        var entry = pollfd(fd: stream.rawValue, events: Int16(event), revents: 0)
        try #require(unsafe poll(&entry, 1, SpawnedTool.patienceMilliseconds) == 1, "the client stands still")
    }
}
