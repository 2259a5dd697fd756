import ControlProtocol
import Glibc
import LinuxIO
import Synchronization
import SystemPackage

/// A daemon's control socket with canned answers, for one connection after the other; written from docs/control.md.
final class FakeDaemon: Sendable {
    /// What the daemon says to a command, piece by piece.
    enum Reply: Sendable {
        /// The answer's `return`, in JSON.
        case content(String)
        /// The answer's `error`.
        case refusal(String)
        /// An event: its name, and its data in JSON.
        case event(String, String = "{}")
        /// A line as it is.
        case line(String)
        /// The end of the connection.
        case hangUp
    }

    /// Where it listens.
    let path: String
    private let stop: EventFileDescriptor
    private let speak: EventFileDescriptor
    private let unsaid = Mutex<[Reply]>([])
    private let received = Mutex<[ControlRequest]>([])

    private static let count = Atomic<Int>(0)
    static let greeting =
        #"{"QMP":{"capabilities":[],"version":{"package":"test","qemu":{"major":0,"micro":0,"minor":1}}}}"#
    /// Of all events: 2026-11-21 10:00:00 UTC.
    static let timestamp = #"{"seconds":1795255200,"microseconds":123456}"#

    /// Listens, at an address of its own.
    ///
    /// - Parameters:
    ///   - greeting: what is said first.
    ///   - beginning: what is said after `qmp_capabilities`.
    ///   - answer: what is said to each command but `qmp_capabilities`.
    /// - Throws: the host's error.
    init(
        greeting: String = FakeDaemon.greeting, afterNegotiation beginning: [Reply] = [],
        answer: @escaping @Sendable (ControlRequest) -> [Reply]
    ) throws {
        let number = Self.count.add(1, ordering: .relaxed).newValue
        path = "@vserialctl-test-\(getpid())-\(number)"
        stop = try EventFileDescriptor()
        speak = try EventFileDescriptor()
        let listener = try UnixListener.bind(to: try UnixAddress(path), mode: 0o600)
        _ = try Thread.spawn(name: "fake daemon") { [self] in
            serve(listener, greeting: greeting, beginning: beginning, answer: answer)
        }
    }

    /// Ends the thread; call it last.
    func end() { try? stop.signal() }

    /// The commands that came, without `qmp_capabilities`.
    var requests: [ControlRequest] { received.withLock { $0 } }

    /// Says something unasked.
    func say(_ reply: Reply) {
        unsaid.withLock { $0.append(reply) }
        try? speak.signal()
    }

    private func serve(
        _ listener: borrowing UnixListener, greeting: String, beginning: [Reply],
        answer: @Sendable (ControlRequest) -> [Reply]
    ) {
        while isReadable(listener.rawValue) {
            guard let connection = try? listener.accept() else { continue }
            converse(connection, greeting: greeting, beginning: beginning, answer: answer)
        }
    }

    private func converse(
        _ connection: consuming UnixStream, greeting: String, beginning: [Reply],
        answer: @Sendable (ControlRequest) -> [Reply]
    ) {
        guard send(greeting, to: connection) else { return }
        var bytes: [UInt8] = []
        while isReadable(connection.rawValue, or: speak.rawValue) {
            let replies = unsaid.withLock { exchange(&$0, with: []) }
            guard (try? speak.drain()) != nil, send(replies, to: connection) else { return }
            guard isReadable(connection.rawValue, waiting: 0) else { continue }
            guard case .bytes = try? connection.receive(appendingTo: &bytes, atMost: 4096) else { return }
            while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(bytes[..<end])
                bytes.removeFirst(end + 1)
                guard let request = try? ControlCoding.decode(ControlRequest.self, from: line) else { return }
                if request.execute == "qmp_capabilities" {
                    guard send([.content("{}")] + beginning, to: connection) else { return }
                    continue
                }
                received.withLock { $0.append(request) }
                guard send(answer(request), to: connection) else { return }
            }
        }
    }

    private static func line(_ reply: Reply) -> String? {
        switch reply {
        case .content(let json): #"{"return":\#(json)}"#
        case .refusal(let text): #"{"error":{"class":"GenericError","desc":"\#(text)"}}"#
        case .event(let name, let data): #"{"event":"\#(name)","data":\#(data),"timestamp":\#(timestamp)}"#
        case .line(let text): text
        case .hangUp: nil
        }
    }

    private func send(_ replies: [Reply], to connection: borrowing UnixStream) -> Bool {
        for reply in replies {
            guard let text = Self.line(reply), send(text, to: connection) else { return false }
        }
        return true
    }

    private func send(_ text: String, to connection: borrowing UnixStream) -> Bool {
        var bytes = Array((text + "\r\n").utf8)
        while !bytes.isEmpty {
            switch unsafe try? connection.send(bytes.span.bytes) {
            case .bytes(let count): bytes.removeFirst(count)
            case .wouldBlock:
                var entry = pollfd(fd: connection.rawValue, events: Int16(POLLOUT), revents: 0)
                _ = unsafe poll(&entry, 1, 10_000)
            default: return false
            }
        }
        return true
    }

    /// Waits for one of two descriptors; false when the test, or the time, is over.
    private func isReadable(_ descriptor: Int32, or other: Int32 = -1, waiting milliseconds: Int32 = -1) -> Bool {
        var entries = [stop.rawValue, descriptor, other].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            let count = unsafe poll(&entries, 3, milliseconds)
            if count >= 0 { return count > 0 && entries[0].revents == 0 }
        }
    }
}
