package import ControlProtocol

/// A command to the agent.
package struct AgentCommand: Encodable {
    package var execute: String
    package var arguments: [String: JSONValue]?

    package init(execute: String, arguments: [String: JSONValue]? = nil) {
        self.execute = execute
        self.arguments = arguments
    }
}

/// The agent's answer: one of the two.
package struct AgentAnswer<Content: Decodable>: Decodable {
    package var `return`: Content?
    package var error: Failure?

    /// Why not.
    package struct Failure: Decodable {
        package var desc: String
    }

    /// What the agent says to a command.
    ///
    /// - Throws: ``GuestError``; `refused` with what it says against it.
    package static func content(of line: [UInt8], to command: String) throws(GuestError) -> Content {
        let answer: AgentAnswer
        do {
            answer = try ControlCoding.decode(AgentAnswer.self, from: line)
        } catch {
            throw .noAnswer(to: command, line)
        }
        if let failure = answer.error { throw .refused(command, reason: failure.desc) }
        guard let content = answer.return else { throw .emptyAnswer(to: command) }
        return content
    }
}

/// An answer with nothing in it.
package struct AgentNothing: Decodable {}

/// The answer of `guest-info`, as far as it is shown.
package struct AgentInfo: Codable, Equatable {
    package var version: String
    package var supportedCommands: [Command]

    package struct Command: Codable, Equatable {
        package var name: String
        package var enabled: Bool
    }

    /// The agent spells this one member with an underscore.
    enum CodingKeys: String, CodingKey {
        case version
        case supportedCommands = "supported_commands"
    }
}

/// The answer of `guest-exec`.
package struct AgentProcess: Decodable {
    package var pid: Int64
}

/// The answer of `guest-exec-status`.
package struct AgentProcessStatus: Decodable {
    package var exited: Bool
    package var exitcode: Int?
    package var signal: Int?
    package var outData: String?
    package var errData: String?
    package var outTruncated: Bool?
    package var errTruncated: Bool?

    /// What the program came to; nil while it runs.
    package func result() throws(GuestError) -> AgentProgramResult? {
        guard exited else { return nil }
        // The guest says what it likes; an exit code has eight bits.
        let code = signal.map { 128 + ($0 & 0x7F) } ?? exitcode ?? 0
        return AgentProgramResult(
            output: try Base64.decode(outData ?? ""), errors: try Base64.decode(errData ?? ""),
            exitCode: Int32(code & 0xFF), isTruncated: outTruncated == true || errTruncated == true)
    }
}

/// What a program in the guest came to.
package struct AgentProgramResult: Equatable {
    package var output: [UInt8]
    package var errors: [UInt8]
    /// The program's own, or 128 and the signal that ended it.
    package var exitCode: Int32
    /// Whether the agent has thrown a part of the outputs away.
    package var isTruncated: Bool

    package init(output: [UInt8], errors: [UInt8], exitCode: Int32, isTruncated: Bool) {
        self.output = output
        self.errors = errors
        self.exitCode = exitCode
        self.isTruncated = isTruncated
    }
}

/// The answer of `guest-file-read`.
package struct AgentFilePiece: Decodable {
    package var count: Int
    package var bufB64: String
    package var eof: Bool

    /// The bytes, at most as many as were asked for; nil at the end of the file.
    package func bytes(atMost limit: Int) throws(GuestError) -> [UInt8]? {
        let bytes = try Base64.decode(bufB64)
        guard bytes.count == count, count <= limit else { throw .wrongPiece(said: count, sent: bytes.count) }
        if !bytes.isEmpty { return bytes }
        guard eof else { throw .noProgress }
        return nil
    }
}

/// The answer of `guest-file-write`.
package struct AgentFileWritten: Decodable {
    package var count: Int

    /// How many of so many bytes were written: at least one.
    package func count(of sent: Int) throws(GuestError) -> Int {
        guard 1...sent ~= count else { throw .wrongWrite(said: count, of: sent) }
        return count
    }
}
