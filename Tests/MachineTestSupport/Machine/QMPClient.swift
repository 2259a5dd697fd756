import FoundationEssentials

/// QEMU's control connection.
package final class QMPClient {
    private struct Reply: Decodable {
        struct Problem: Decodable { let desc: String }

        let error: Problem?
        let event: String?
    }

    private let stream: SocketStream
    private var pending: [UInt8] = []

    package init(_ stream: SocketStream) throws {
        self.stream = stream
        _ = try receiveLine(by: Deadline(within: .seconds(20)))
        try execute("qmp_capabilities")
    }

    /// Runs one command with a JSON object of arguments and returns the answer as QEMU wrote it.
    ///
    /// Events that come before the answer are passed over.
    @discardableResult
    package func execute(_ command: String, _ arguments: String = "{}") throws -> String {
        let deadline = Deadline(within: .seconds(30))
        try stream.send(Array("{\"execute\": \"\(command)\", \"arguments\": \(arguments)}\n".utf8), by: deadline)
        while true {
            let line = try receiveLine(by: deadline)
            let reply = try JSONDecoder().decode(Reply.self, from: Data(line.utf8))
            if let error = reply.error { throw Failure("QMP \(command): \(error.desc)") }
            if reply.event == nil { return line }
        }
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
