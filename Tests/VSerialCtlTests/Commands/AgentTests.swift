import ControlProtocol
import Glibc
import Testing

@testable import vserialctl

@Suite("agent")
struct AgentTests {
    /// Runs the command against the real agent. Patient: many tests at a time leave little of the machine to each.
    private func ask(_ agent: RealAgent, _ arguments: String...) throws -> SpawnedTool.Result {
        let tool = try SpawnedTool(["agent", "vm", "--path", agent.port.path, "--timeout", "120"] + arguments)
        try agent.serve()
        return try tool.wait()
    }

    @Test(.disabled(if: RealAgent.absence != nil, "\(RealAgent.absence ?? "")"))
    func talksWithTheRealAgent() throws {
        let folder = try ScratchDirectory()
        let agent = try RealAgent(folder: folder.path)
        let ping = try ask(agent, "ping")
        #expect(ping == SpawnedTool.Result(code: 0, output: "the agent answers\n", errors: ""))
        let info = try ask(agent, "info")
        #expect(info.output.hasPrefix("QEMU guest agent "))
        #expect(info.output.contains("\n  guest-exec\n"))
        let program = try ask(agent, "exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(program == SpawnedTool.Result(code: 7, output: "out\n", errors: "err\n"))
        let answer = try ask(agent, "raw", #"{"execute":"guest-ping"}"#)
        #expect(answer.output == "{\"return\": {}}\n")
        let absent = try ask(agent, "exec", "--", "/nonexistent")
        #expect(absent.code == 1)
    }

    @Test(.disabled(if: RealAgent.absence != nil, "\(RealAgent.absence ?? "")"))
    func carriesFilesThereAndBack() throws {
        let folder = try ScratchDirectory()
        let agent = try RealAgent(folder: folder.path)
        let content = randomBytes(seed: 5, count: 2 * AgentFile.pieceByteCount + 17)
        try write(content, to: "\(folder.path)/here")
        let put = try ask(agent, "file-put", "\(folder.path)/here", "\(folder.path)/there")
        #expect(put.code == 0)
        #expect(try bytes(of: "\(folder.path)/there") == content)
        let get = try ask(agent, "file-get", "\(folder.path)/there", "\(folder.path)/back")
        #expect(get.code == 0)
        #expect(try bytes(of: "\(folder.path)/back") == content)
        // A file that cannot be had leaves nothing behind.
        #expect(try ask(agent, "file-get", "/nonexistent", "\(folder.path)/nothing").code == 1)
        #expect(!folder.names.contains { $0.hasPrefix("nothing") })
    }

    @Test func saysAtOnceThatNobodyIsThere() throws {
        let daemon = try FakeDaemon { _ in [.content(portsJSON([somePort("vm", number: 1)]))] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["agent", "vm", "ping", "--control", daemon.path])
        #expect(result.errors == "vserialctl: no program in the guest has vm open; start qemu-ga there\n")
        #expect(result.code == 69)
    }

    @Test func givesUpOnASilentAgent() throws {
        let port = try FakePort()
        let tool = try SpawnedTool(["agent", "vm", "ping", "--path", port.path, "--timeout", "0.2"])
        let guest = try port.accept()
        let result = try tool.wait()
        #expect(result.code == 75)
        #expect(result.errors == "vserialctl: the guest does not answer in time\n")
        #expect(try guest.hearLine()?.contains("guest-sync-delimited") == true)
    }

    @Test func aSignalLeavesNoPartOfAFileBehind() throws {
        let folder = try ScratchDirectory()
        let port = try FakePort()
        let tool = try SpawnedTool(["agent", "vm", "file-get", "/there", "\(folder.path)/here", "--path", port.path])
        let agent = try port.accept()
        let greeting = Array(try #require(try agent.hearLine()).utf8)
        let synchronization = try ControlCoding.decode(
            ControlRequest.self, from: greeting.drop { $0 != UInt8(ascii: "{") })
        let id = try #require(synchronization.arguments?["id"])
        try agent.say([0xFF] + Array("{\"return\": ".utf8) + ControlCoding.encode(id) + Array("}\n".utf8))
        #expect(try agent.hearLine()?.contains("guest-file-open") == true)
        try agent.say("{\"return\": 1000}\n")
        #expect(try agent.hearLine()?.contains("guest-file-read") == true)
        #expect(folder.names == ["here.part-\(tool.process)"])
        kill(tool.process, SIGINT)
        // The guest's file does not stay open.
        #expect(try agent.hearLine()?.contains("guest-file-close") == true)
        try agent.say("{\"return\": {}}\n")
        #expect(try tool.wait() == SpawnedTool.Result(code: 128 + SIGINT, output: "", errors: ""))
        #expect(folder.names == [])
    }

    @Test(arguments: [["ping", "x"], ["exec"], ["file-get", "x"], ["shutdown", "never"], ["raw"]])
    func refusesWhatTheActionCannotUse(arguments: [String]) throws {
        let result = try SpawnedTool.run(["agent", "vm", "--path", "/nowhere"] + arguments)
        #expect(result.code == 64)
    }
}
