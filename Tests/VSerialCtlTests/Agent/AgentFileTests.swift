import ControlProtocol
import Synchronization
import Testing

@testable import vserialctl

@Suite("AgentFile")
struct AgentFileTests {
    /// What the client asked for.
    private final class Requests: Sendable {
        private let list = Mutex<[String]>([])
        func add(_ name: String) { list.withLock { $0.append(name) } }
        var all: [String] { list.withLock { $0 } }
    }

    @Test(arguments: [
        #"{"return": {"count": 5, "buf-b64": "aGk=", "eof": true}}"#,
        #"{"return": {"count": 0, "buf-b64": "", "eof": false}}"#,
        #"{"return": {"count": 2, "buf-b64": "!!!!", "eof": true}}"#,
    ])
    func aGuestThatLiesAboutAPieceIsFoundOutAndTheFileClosed(answer: String) throws {
        let requests = Requests()
        let agent = try ScriptedAgent {
            requests.add($0.execute)
            return switch $0.execute {
            case "guest-file-open": #"{"return": 1000}"#
            case "guest-file-read": answer
            default: #"{"return": {}}"#
            }
        }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        let failure = #expect(throws: CommandFailure.self) {
            try AgentFile.open("/x", mode: "r", with: client) { file throws(CommandFailure) in
                while try file.read() != nil {}
            }
        }
        #expect(failure?.exitCode == 1)
        #expect(requests.all == ["guest-file-open", "guest-file-read", "guest-file-close"])
    }

    @Test(arguments: [0, -1, 11]) func aGuestThatWroteWhatItCannotIsFoundOut(count: Int) throws {
        let agent = try ScriptedAgent {
            switch $0.execute {
            case "guest-file-open": #"{"return": 1000}"#
            case "guest-file-write": #"{"return": {"count": \#(count), "eof": false}}"#
            default: #"{"return": {}}"#
            }
        }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        #expect(throws: CommandFailure.self) {
            try AgentFile.open("/x", mode: "w", with: client) { file throws(CommandFailure) in
                try file.write([UInt8](repeating: 1, count: 10))
            }
        }
    }

    @Test func aShortWriteGoesOn() throws {
        let requests = Requests()
        let agent = try ScriptedAgent {
            requests.add($0.execute)
            return switch $0.execute {
            case "guest-file-open": #"{"return": 1000}"#
            case "guest-file-write": #"{"return": {"count": 4, "eof": false}}"#
            default: #"{"return": {}}"#
            }
        }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        try AgentFile.open("/x", mode: "w", with: client) { file throws(CommandFailure) in
            try file.write([UInt8](repeating: 1, count: 8))
        }
        #expect(requests.all.filter { $0 == "guest-file-write" }.count == 2)
    }
}
