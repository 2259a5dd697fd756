import Glibc
import Testing

@testable import vserialctl

@Suite("send-file")
struct SendFileTests {
    @Test(arguments: GuestScript.shells, [0, 1, 65536, 65537, 1_000_003])
    func theGuestsScriptReceives(shell: [String], count: Int) throws {
        let folder = try ScratchDirectory()
        let content = randomBytes(seed: UInt64(count), count: count)
        try write(content, to: "\(folder.path)/sent")
        let port = try FakePort()
        let tool = try SpawnedTool(["send-file", "files", "\(folder.path)/sent", "--path", port.path])
        let guest = try GuestScript(
            shell: shell, action: "recv", file: "\(folder.path)/received", on: try port.acceptStream())
        let result = try tool.wait()
        #expect(result == SpawnedTool.Result(code: 0, output: "", errors: ""))
        #expect(guest.wait() == 0)
        #expect(try bytes(of: "\(folder.path)/received") == content)
        #expect(folder.names.sorted() == ["received", "sent"])
    }

    @Test func theGuestsFailureIsTold() throws {
        let folder = try ScratchDirectory()
        try write([1, 2, 3], to: "\(folder.path)/sent")
        let port = try FakePort()
        let tool = try SpawnedTool(["send-file", "files", "\(folder.path)/sent", "--path", port.path])
        let guest = try GuestScript(
            shell: GuestScript.shells[0], action: "recv", file: "/nonexistent/x", on: try port.acceptStream())
        let result = try tool.wait()
        #expect(result.code == 65)
        #expect(result.errors == "vserialctl: the guest says: failed the file cannot be made\n")
        #expect(guest.wait() == 1)
    }

    /// The guest's disk is full, say: it tells so in mid-file, and reads no more.
    @Test(arguments: [true, false])
    func theGuestsFailureIsToldInMidFile(guestGoes: Bool) throws {
        let folder = try ScratchDirectory()
        try write([UInt8](repeating: 7, count: 4_000_000), to: "\(folder.path)/sent")
        let port = try FakePort()
        let tool = try SpawnedTool([
            "send-file", "files", "\(folder.path)/sent", "--path", port.path, "--timeout", guestGoes ? "30" : "0.1",
        ])
        let guest = try port.accept()
        try guest.say("failed the disk is full\n")
        if guestGoes { try guest.close() }
        let result = try tool.wait()
        #expect(result.code == 65)
        #expect(result.errors == "vserialctl: the guest says: failed the disk is full\n")
    }

    @Test func whatIsNoFileIsNotSent() throws {
        let result = try SpawnedTool.run(["send-file", "files", "/dev", "--path", "/nowhere"])
        #expect(result.errors == "vserialctl: /dev: not a regular file\n")
        #expect(result.code == 64)
    }
}
