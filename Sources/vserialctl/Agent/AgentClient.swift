import ClientProtocols
import ControlProtocol
import LinuxIO

/// A conversation with the QEMU guest agent: one JSON object a line, both ways.
///
/// The guest is hostile: every answer is bounded in length, depth and time.
final class AgentClient {
    private let stream: TimedStream
    private let timeoutSeconds: Double

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
        try stream.send([AgentSynchronization.delimiter] + command.line(), until: deadline)
        var synchronization = AgentSynchronization(number: number)
        try stream.read(until: deadline) { unread throws(GuestError) in
            try synchronization.advance(&unread) ? () : nil
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
        return try CommandFailure.guest { () throws(GuestError) in
            try AgentAnswer<Content>.content(of: line, to: name)
        }
    }

    /// Sends a line, with its end, and waits for the next one.
    func exchange(_ line: [UInt8]) throws(CommandFailure) -> [UInt8] {
        let deadline = Deadline(seconds: timeoutSeconds)
        try stream.send(line, until: deadline)
        return try stream.line(atMost: AgentLine.maximumByteCount, until: deadline)
    }

    /// Turns the guest off. The agent answers only when it cannot, so a question behind the command tells: commands are
    /// done in order, and an agent that has begun to end says nothing more.
    func shutdown(mode: String) throws(CommandFailure) {
        let deadline = Deadline(seconds: timeoutSeconds)
        let command = AgentCommand(execute: "guest-shutdown", arguments: ["mode": .string(mode)])
        try stream.send(command.line() + AgentCommand(execute: "guest-ping").line(), until: deadline)
        do throws(CommandFailure) {
            let line = try stream.line(atMost: AgentLine.maximumByteCount, until: deadline)
            let answer = try? ControlCoding.decode(AgentAnswer<JSONValue>.self, from: line)
            if let failure = answer?.error {
                throw CommandFailure(GuestError.refused("guest-shutdown", reason: failure.desc))
            }
        } catch .incomplete {
        } catch .timedOut {
        } catch {
            throw error
        }
    }
}

extension AgentCommand {
    /// As it is sent.
    fileprivate func line() throws(CommandFailure) -> [UInt8] { Array(try JSONText.line(self).utf8) }
}
