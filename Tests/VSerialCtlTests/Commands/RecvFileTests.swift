import Glibc
import Testing

@testable import vserialctl

@Suite("recv-file")
struct RecvFileTests {
    @Test(arguments: GuestScript.shells, [0, 1, 65537, 1_000_003])
    func theGuestsScriptSends(shell: [String], count: Int) throws {
        let folder = try ScratchDirectory()
        let content = randomBytes(seed: UInt64(count) + 9, count: count)
        try write(content, to: "\(folder.path)/sent")
        let port = try FakePort()
        let tool = try SpawnedTool(["recv-file", "files", "\(folder.path)/received", "--path", port.path])
        let guest = try GuestScript(
            shell: shell, action: "send", file: "\(folder.path)/sent", on: try port.acceptStream())
        let result = try tool.wait()
        #expect(result == SpawnedTool.Result(code: 0, output: "", errors: ""))
        #expect(guest.wait() == 0)
        #expect(try bytes(of: "\(folder.path)/received") == content)
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP]) func aSignalLeavesNoPartBehind(signal: Int32) throws {
        let folder = try ScratchDirectory()
        let port = try FakePort()
        let tool = try SpawnedTool(["recv-file", "files", "\(folder.path)/received", "--path", port.path])
        let guest = try port.accept()
        try guest.say("VSERIAL-FILE 1 5 x\nhel")
        #expect(folder.names == ["received.part-\(tool.process)"])
        kill(tool.process, signal)
        #expect(try tool.wait() == SpawnedTool.Result(code: 128 + signal, output: "", errors: ""))
        #expect(folder.names == [])
        // The guest is not left to wait for an answer.
        #expect(try guest.hearLine() == "failed ended by signal \(signal)")
    }

    @Test func theGuestIsToldWhenItsFileIsTooLarge() throws {
        let folder = try ScratchDirectory()
        try write([1, 2, 3], to: "\(folder.path)/sent")
        let port = try FakePort()
        let tool = try SpawnedTool(
            ["recv-file", "files", "\(folder.path)/received", "--path", port.path, "--max-size", "2"])
        let guest = try GuestScript(
            shell: GuestScript.shells[0], action: "send", file: "\(folder.path)/sent", on: try port.acceptStream())
        #expect(try tool.wait().code == 1)
        #expect(guest.wait() != 0)
        #expect(folder.names == ["sent"])
    }
}
