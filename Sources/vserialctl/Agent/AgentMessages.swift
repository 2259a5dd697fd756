import ControlProtocol

/// A command to the agent.
struct AgentCommand: Encodable {
    var execute: String
    var arguments: [String: JSONValue]?

    /// As it is sent.
    func line() throws(CommandFailure) -> [UInt8] { Array(try JSONText.line(self).utf8) }
}

/// The agent's answer: one of the two.
struct AgentAnswer<Content: Decodable>: Decodable {
    var `return`: Content?
    var error: Failure?

    /// Why not.
    struct Failure: Decodable {
        var desc: String
    }
}

/// An answer with nothing in it.
struct AgentNothing: Decodable {}

/// The answer of `guest-info`, as far as it is shown.
struct AgentInfo: Codable, Equatable {
    var version: String
    var supportedCommands: [Command]

    struct Command: Codable, Equatable {
        var name: String
        var enabled: Bool
    }

    /// The agent spells this one member with an underscore.
    enum CodingKeys: String, CodingKey {
        case version
        case supportedCommands = "supported_commands"
    }
}

/// The answer of `guest-exec`.
struct AgentProcess: Decodable {
    var pid: Int64
}

/// The answer of `guest-exec-status`.
struct AgentProcessStatus: Decodable {
    var exited: Bool
    var exitcode: Int?
    var signal: Int?
    var outData: String?
    var errData: String?
    var outTruncated: Bool?
    var errTruncated: Bool?
}

/// The answer of `guest-file-read`.
struct AgentFilePiece: Decodable {
    var count: Int
    var bufB64: String
    var eof: Bool
}

/// The answer of `guest-file-write`.
struct AgentFileWritten: Decodable {
    var count: Int
}
