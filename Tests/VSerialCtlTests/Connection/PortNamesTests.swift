import LinuxIO
import Testing

@testable import vserialctl

@Suite struct PortNamesTests {
    @Test("the daemon of the line that is being written")
    func path() {
        #expect(PortNames.controlPath(in: ["vserialctl", "remove", "--control", "/a", ""]) == "/a")
        #expect(PortNames.controlPath(in: ["vserialctl", "remove", "-c", "@b"]) == "@b")
        #expect(PortNames.controlPath(in: ["vserialctl", "--control=/a=b", "remove"]) == "/a=b")
        #expect(PortNames.controlPath(in: ["vserialctl", "remove", "-c"]) == nil)
        #expect(PortNames.controlPath(in: ["vserialctl", "remove", "--controls=/a"]) == nil)
    }

    @Test("names that begin so, for a shell", arguments: [("vm.", "vm.ctl\nvm.data\n"), ("vm.d", "vm.data\n")])
    func completion(prefix: String, expected: String) throws {
        let ports = ["vm.ctl", "vm.data", "vm.a b"].enumerated().map { somePort($1, number: $0) }
        let daemon = try FakeDaemon { _ in [.content(portsJSON(ports))] }
        defer { daemon.end() }
        // As the generated script calls it: the word's index, and where the cursor is in it.
        let result = try SpawnedTool.run(
            ["---completion", "remove", "--", "positional@0", "2", "\(prefix.count)", "vserialctl", "remove", prefix],
            environment: ["SAP_SHELL=bash", "VSERIALCTL_CONTROL=\(daemon.path)"])
        #expect(result.output == expected)
        #expect(result.code == 0)
    }

    @Test("a daemon that does not answer is not waited for: a person has pressed a key")
    func silence() throws {
        let daemon = try FakeDaemon { _ in [] }
        defer { daemon.end() }
        let begin = MonotonicClock.nanoseconds()
        let result = try SpawnedTool.run(
            ["---completion", "remove", "--", "positional@0", "2", "0", "vserialctl", "remove", ""],
            environment: ["SAP_SHELL=bash", "VSERIALCTL_CONTROL=\(daemon.path)"])
        #expect(result.output.filter { $0 != "\n" } == "")
        #expect(result.errors == "")
        #expect(MonotonicClock.nanoseconds() - begin < 5_000_000_000)
    }

    @Test("without a daemon there are none, and nothing is said")
    func nobody() throws {
        let result = try SpawnedTool.run(
            ["---completion", "remove", "--", "positional@0", "2", "0", "vserialctl", "remove", ""],
            environment: ["SAP_SHELL=bash"])
        #expect(result.output.filter { $0 != "\n" } == "")
        #expect(result.errors == "")
    }
}
