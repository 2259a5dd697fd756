import ClientProtocols
import ControlProtocol

/// A file in the guest that the agent has open.
struct AgentFile {
    /// What one command carries: its line stays below what the agent reads at once.
    static let pieceByteCount = 48 << 10

    private let agent: AgentClient
    private let handle: Int64

    /// Opens a file, with a mode as of fopen(3), runs `body` with it and closes it, whatever comes of it.
    static func open(
        _ path: String, mode: String, with agent: AgentClient, body: (AgentFile) throws(CommandFailure) -> Void
    ) throws(CommandFailure) {
        let handle = try agent.call(
            "guest-file-open", ["path": .string(path), "mode": .string(mode)], returning: Int64.self)
        do throws(CommandFailure) {
            try body(AgentFile(agent: agent, handle: handle))
        } catch {
            // The first failure is the one to tell of.
            _ = try? agent.call("guest-file-close", ["handle": .integer(handle)], returning: AgentNothing.self)
            throw error
        }
        _ = try agent.call("guest-file-close", ["handle": .integer(handle)], returning: AgentNothing.self)
    }

    /// The next bytes; nil at the end of the file.
    func read() throws(CommandFailure) -> [UInt8]? {
        let piece = try agent.call(
            "guest-file-read", ["handle": .integer(handle), "count": .integer(Int64(Self.pieceByteCount))],
            returning: AgentFilePiece.self)
        return try CommandFailure.guest { () throws(GuestError) in try piece.bytes(atMost: Self.pieceByteCount) }
    }

    /// Writes all of it.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let piece = rest.prefix(Self.pieceByteCount)
            let written = try agent.call(
                "guest-file-write", ["handle": .integer(handle), "buf-b64": .string(Base64.encode(piece))],
                returning: AgentFileWritten.self)
            let count = try CommandFailure.guest { () throws(GuestError) in try written.count(of: piece.count) }
            rest = rest.dropFirst(count)
        }
    }
}
