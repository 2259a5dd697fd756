import ClientProtocols
import ControlProtocol
import Synchronization
import Testing

@testable import vserialctl

@Suite("AgentClient")
struct AgentClientTests {
    @Test func skipsWhatWasMeantForOthers() throws {
        // Half an answer, a whole one, and the one of another synchronization.
        let stale = Array("\"x\"}\n{\"return\": 7}\n".utf8) + [0xFF] + Array("{\"return\": 0}\n".utf8)
        let agent = try ScriptedAgent(stale: stale) { _ in #"{"return": {}}"# }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        _ = try client.call("guest-ping", returning: AgentNothing.self)
    }

    @Test func anAgentThatRefusesSaysWhy() throws {
        let agent = try ScriptedAgent { _ in #"{"error": {"class": "CommandNotFound", "desc": "no \u001b[2J"}}"# }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        let failure = #expect(throws: CommandFailure.self) {
            _ = try client.call("guest-x", returning: AgentNothing.self)
        }
        #expect(failure.map { "\($0)" } == #"the agent refuses guest-x: no \x1b[2J"#)
        #expect(failure?.exitCode == 1)
    }

    /// Long enough for the greeting on a machine that is busy with other tests.
    @Test func silenceHasAnEnd() throws {
        let agent = try ScriptedAgent { _ in nil }
        let client = try AgentClient(agent.stream, timeoutSeconds: 3)
        let failure = #expect(throws: CommandFailure.self) {
            _ = try client.call("guest-ping", returning: AgentNothing.self)
        }
        #expect(failure?.exitCode == 75)
    }

    @Test func aGuestThatNeverSynchronizesHasNoMoreTimeThanASilentOne() throws {
        let ends = try streamEnds()
        let noise = try spawn { try? ends.peer.say([UInt8](repeating: 0x20, count: 64 << 20)) }
        let failure = #expect(throws: CommandFailure.self) {
            _ = try AgentClient(ends.stream, timeoutSeconds: 0.3)
        }
        #expect(failure?.exitCode == 75)
        try ends.peer.close()
        noise.join()
    }

    @Test(arguments: ["[]", "{", #"{"return": 1, "error": 2}"#, "{}", String(repeating: "[", count: 5000)])
    func nonsenseIsTheGuestsFault(answer: String) throws {
        let agent = try ScriptedAgent { _ in answer }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        let failure = #expect(throws: CommandFailure.self) {
            _ = try client.call("guest-info", returning: AgentInfo.self)
        }
        #expect(failure?.exitCode == 1)
    }

    @Test func aShutdownIsNotAnswered() throws {
        let agent = try ScriptedAgent { $0.execute == "guest-ping" ? #"{"return": {}}"# : nil }
        try AgentClient(agent.stream, timeoutSeconds: 20).shutdown(mode: "powerdown")
    }

    @Test func aRefusedShutdownIs() throws {
        let agent = try ScriptedAgent {
            $0.execute == "guest-shutdown" ? #"{"error": {"desc": "disabled"}}"# : #"{"return": {}}"#
        }
        let client = try AgentClient(agent.stream, timeoutSeconds: 20)
        #expect(throws: CommandFailure.self) { try client.shutdown(mode: "halt") }
    }
}
