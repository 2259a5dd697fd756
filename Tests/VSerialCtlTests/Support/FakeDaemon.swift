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
    ///   - answer: what is said to each command but `qmp_capabilities`.
    /// - Throws: the host's error.
    init(
        greeting: String = FakeDaemon.greeting, answer: @escaping @Sendable (ControlRequest) -> [Reply]
    ) throws {
        let number = Self.count.add(1, ordering: .relaxed).newValue
        path = "@vserialctl-test-\(getpid())-\(number)"
        stop = try EventFileDescriptor()
        let listener = try UnixListener.bind(to: try UnixAddress(path), mode: 0o600)
        _ = try Thread.spawn(name: "fake daemon") { [self] in
            serve(listener, greeting: greeting, answer: answer)
        }
    }

    /// Ends the thread; call it last.
    func end() { try? stop.signal() }

    /// The commands that came, without `qmp_capabilities`.
    var requests: [ControlRequest] { received.withLock { $0 } }

    private func serve(
        _ listener: borrowing UnixListener, greeting: String, answer: @Sendable (ControlRequest) -> [Reply]
    ) {
        while isReadable(listener.rawValue) {
            guard let connection = try? listener.accept() else { continue }
            converse(connection, greeting: greeting, answer: answer)
        }
    }

    private func converse(
        _ connection: consuming UnixStream, greeting: String, answer: @Sendable (ControlRequest) -> [Reply]
    ) {
        guard send(greeting, to: connection) else { return }
        var bytes: [UInt8] = []
        while isReadable(connection.rawValue) {
            guard case .bytes = try? connection.receive(appendingTo: &bytes, atMost: 4096) else { return }
            while let end = bytes.firstIndex(of: UInt8(ascii: "\n")) {
                let line = Array(bytes[..<end])
                bytes.removeFirst(end + 1)
                guard let request = try? ControlCoding.decode(ControlRequest.self, from: line) else { return }
                if request.execute == "qmp_capabilities" {
                    guard send(#"{"return":{}}"#, to: connection) else { return }
                    continue
                }
                received.withLock { $0.append(request) }
                for reply in answer(request) {
                    guard let text = Self.line(reply), send(text, to: connection) else { return }
                }
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

    /// Waits for a descriptor; false when the test is over.
    private func isReadable(_ descriptor: Int32) -> Bool {
        var entries = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: stop.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let count = unsafe poll(&entries, 2, -1)
            if count < 0 { continue }
            return entries[1].revents == 0
        }
    }
}
