import FoundationEssentials

/// A connection to QEMU's monitor, or to the daemon's control socket, which has the same language.
package final class QMPClient {
    private struct Reply: Decodable {
        struct Problem: Decodable { let desc: String }
        struct Timestamp: Decodable {
            let seconds: Int
            let microseconds: Int
        }

        let error: Problem?
        let event: String?
        let timestamp: Timestamp?
    }

    /// Something that was told without having been asked for.
    package struct Event {
        let name: String
        /// As it was written.
        package let line: String
        /// When it happened, by the sender's clock, in seconds since 1970.
        package let time: Double
    }

    private var events: [Event] = []

    private let stream: SocketStream
    private var pending: [UInt8] = []

    package init(_ stream: SocketStream) throws {
        self.stream = stream
        _ = try receiveLine(by: Deadline(within: .seconds(20)))
        try execute("qmp_capabilities")
    }

    /// Runs one command with a JSON object of arguments and returns the answer as QEMU wrote it.
    ///
    /// Events that come before the answer are kept for ``waitForEvent(_:within:)``.
    @discardableResult
    package func execute(_ command: String, _ arguments: String = "{}") throws -> String {
        let deadline = Deadline(within: .seconds(30))
        try stream.send(Array("{\"execute\": \"\(command)\", \"arguments\": \(arguments)}\n".utf8), by: deadline)
        while true {
            let line = try receiveLine(by: deadline)
            let reply = try JSONDecoder().decode(Reply.self, from: Data(line.utf8))
            if let error = reply.error { throw Failure("QMP \(command): \(error.desc)") }
            if !keep(reply, line) { return line }
        }
    }

    /// The next event of a name; others that come before it are forgotten.
    package func waitForEvent(_ name: String, within duration: Duration) throws -> Event {
        let deadline = Deadline(within: duration)
        while true {
            while !events.isEmpty {
                let event = events.removeFirst()
                if event.name == name { return event }
            }
            let line = try receiveLine(by: deadline)
            _ = keep(try JSONDecoder().decode(Reply.self, from: Data(line.utf8)), line)
        }
    }

    /// Whether it was an event.
    private func keep(_ reply: Reply, _ line: String) -> Bool {
        guard let name = reply.event else { return false }
        let time = reply.timestamp.map { Double($0.seconds) + Double($0.microseconds) / 1e6 } ?? 0
        events.append(Event(name: name, line: line, time: time))
        return true
    }

    private func receiveLine(by deadline: Deadline) throws -> String {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                defer { pending.removeFirst(end + 1) }
                return String(decoding: pending[..<end], as: UTF8.self)
            }
            guard case .bytes(let more) = try stream.receive(upTo: 4096, by: deadline) else {
                throw Failure("QMP: QEMU has closed the connection")
            }
            pending += more
        }
    }
}
