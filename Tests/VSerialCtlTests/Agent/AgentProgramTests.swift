import ClientProtocols
import ControlProtocol
import Synchronization
import Testing

@testable import vserialctl

@Suite("AgentProgram")
struct AgentProgramTests {
    @Test func waitsForTheEndAndTellsEverything() throws {
        let looks = Mutex(0)
        let agent = try ScriptedAgent { request in
            guard request.execute == "guest-exec-status" else { return #"{"return": {"pid": 99}}"# }
            let look = looks.withLock {
                $0 += 1
                return $0
            }
            return look < 3
                ? #"{"return": {"exited": false}}"#
                : #"{"return": {"exited": true, "exitcode": 3, "out-data": "aGk=", "err-data": "bm8="}}"#
        }
        let result = try AgentProgram(agent: try AgentClient(agent.stream, timeoutSeconds: 20)).run(
            "x", [], until: nil)
        let expected = AgentProgramResult(
            output: Array("hi".utf8), errors: Array("no".utf8), exitCode: 3, isTruncated: false)
        #expect(result == expected)
    }

    @Test func aSignalIsToldAsAShellDoes() throws {
        let agent = try ScriptedAgent {
            $0.execute == "guest-exec"
                ? #"{"return": {"pid": 1}}"# : #"{"return": {"exited": true, "signal": 9, "out-truncated": true}}"#
        }
        let result = try AgentProgram(agent: try AgentClient(agent.stream, timeoutSeconds: 20)).run(
            "x", [], until: nil)
        #expect(result.exitCode == 137)
        #expect(result.isTruncated)
    }

    @Test func aProgramThatDoesNotEndIsLeft() throws {
        let agent = try ScriptedAgent {
            $0.execute == "guest-exec" ? #"{"return": {"pid": 77}}"# : #"{"return": {"exited": false}}"#
        }
        let program = AgentProgram(agent: try AgentClient(agent.stream, timeoutSeconds: 20))
        let failure = #expect(throws: CommandFailure.self) {
            _ = try program.run("x", [], until: Deadline(seconds: 0.1))
        }
        #expect(failure?.exitCode == 75)
        #expect(failure.map { "\($0)" }?.contains("process 77") == true)
    }
}
