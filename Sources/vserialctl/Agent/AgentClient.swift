import ControlProtocol
import LinuxIO

/// A conversation with the QEMU guest agent: one JSON object a line, both ways.
///
/// The guest is hostile: every answer is bounded in length, depth and time.
final class AgentClient {
    private let stream: TimedStream
    private let timeoutSeconds: Double

    /// The agent keeps 16 MiB of each of a program's two outputs, which base64 makes a third longer.
    private static let maximumLineByteCount = 48 << 20
    /// Starts the answer of guest-sync-delimited, and makes the agent forget half a command of somebody else. It is no
    /// byte of UTF-8.
    private static let delimiter: UInt8 = 0xFF

    /// Makes sure that the next answer is ours: whoever had the port before may have left without his.
    ///
    /// - Parameters:
    ///   - stream: connected to the port that the agent has open.
    ///   - timeoutSeconds: for this and for each answer after it.
    /// - Throws: `timedOut` when no agent answers.
    init(_ stream: TimedStream, timeoutSeconds: Double) throws(CommandFailure) {
        self.stream = stream
        self.timeoutSeconds = timeoutSeconds
        try synchronize(Int64.random(in: 1...Int64(Int32.max)))
    }

    private func synchronize(_ number: Int64) throws(CommandFailure) {
        let deadline = Deadline(seconds: timeoutSeconds)
        let command = AgentCommand(execute: "guest-sync-delimited", arguments: ["id": .integer(number)])
        try stream.send([Self.delimiter] + command.line(), until: deadline)
        while true {
            try stream.skip(behind: Self.delimiter, until: deadline)
            let line = try stream.line(atMost: Self.maximumLineByteCount, until: deadline)
            let answer = try? ControlCoding.decode(AgentAnswer<Int64>.self, from: line)
            if answer?.return == number { return }
        }
    }

    /// Sends a command and waits for its answer.
    ///
    /// - Throws: `guestFailed` with what the agent says against it.
    func call<Content: Decodable>(
        _ name: String, _ arguments: [String: JSONValue] = [:], returning: Content.Type
    ) throws(CommandFailure) -> Content {
        let command = AgentCommand(execute: name, arguments: arguments.isEmpty ? nil : arguments)
        let line = try exchange(command.line())
        let answer: AgentAnswer<Content>
        do {
            answer = try ControlCoding.decode(AgentAnswer<Content>.self, from: line)
        } catch {
            throw .guestFailed("this is no answer to \(name): \(PrintableText.escaping(Array(line.prefix(200))))")
        }
        if let failure = answer.error {
            throw .guestFailed("the agent refuses \(name): \(PrintableText.escaping(failure.desc))")
        }
        guard let content = answer.return else { throw .guestFailed("\(name) has neither a return nor an error") }
        return content
    }

    /// Sends a line, with its end, and waits for the next one.
    func exchange(_ line: [UInt8]) throws(CommandFailure) -> [UInt8] {
        let deadline = Deadline(seconds: timeoutSeconds)
        try stream.send(line, until: deadline)
        return try stream.line(atMost: Self.maximumLineByteCount, until: deadline)
    }

    /// Turns the guest off. The agent answers only when it cannot, so a question behind the command tells: commands are
    /// done in order, and an agent that has begun to end says nothing more.
    func shutdown(mode: String) throws(CommandFailure) {
        let deadline = Deadline(seconds: timeoutSeconds)
        let command = AgentCommand(execute: "guest-shutdown", arguments: ["mode": .string(mode)])
        try stream.send(command.line() + AgentCommand(execute: "guest-ping", arguments: nil).line(), until: deadline)
        do throws(CommandFailure) {
            let line = try stream.line(atMost: Self.maximumLineByteCount, until: deadline)
            let answer = try? ControlCoding.decode(AgentAnswer<JSONValue>.self, from: line)
            if let failure = answer?.error {
                throw .guestFailed("the agent refuses guest-shutdown: \(PrintableText.escaping(failure.desc))")
            }
        } catch .incomplete {
        } catch .timedOut {
        } catch {
            throw error
        }
    }
}
