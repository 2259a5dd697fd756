import ControlProtocol
import Glibc
import LinuxIO
import Testing

@testable import vserialctl

@Suite("attach")
struct AttachTests {
    /// A daemon with one console.
    private func daemon(at path: String, clients: [ClientStatus] = []) throws -> FakeDaemon {
        let console = somePort("console", number: 0) {
            $0.console = true
            $0.path = path
            $0.clients = clients
        }
        return try FakeDaemon { request in
            request.execute == "query-ports" ? [.content(portsJSON([console]))] : [.content("{}")]
        }
    }

    @Test func aTerminalIsRawUntilTheEscapeKey() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal(["attach", "console", "--path", port.path])
        let guest = try port.accept()
        try terminal.wait(for: "connected to console; ^] leaves")
        try guest.say("login: ")
        try terminal.wait(for: "login: ")
        #expect(!terminal.isCooked)
        // Ctrl-C, Ctrl-Z and Ctrl-D are the guest's.
        try terminal.type("a\u{03}\u{1A}\u{04}\r")
        #expect(try guest.hear(5) == [0x61, 3, 0x1A, 4, 13])
        try terminal.type("\u{1D}")
        #expect(terminal.wait() == 0)
        #expect(terminal.isCooked)
        #expect(try guest.hearRest().isEmpty)
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGINT]) func aSignalLeavesTheTerminalAsItWas(signal: Int32) throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal(["attach", "console", "--path", port.path])
        let guest = try port.accept()
        try guest.say("x")
        try terminal.wait(for: "leaves\r\n")
        try guest.say("raw?")
        try terminal.wait(for: "raw?")
        #expect(!terminal.isCooked)
        kill(terminal.process, signal)
        #expect(terminal.wait() == 128 + signal)
        #expect(terminal.isCooked)
    }

    @Test func stopsAndGoesOnAsAShellsJob() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal(["attach", "console", "--path", port.path])
        let guest = try port.accept()
        try guest.say("raw?")
        try terminal.wait(for: "raw?")
        // The child leads a group that no shell looks after: the kernel lets it go on at once.
        kill(terminal.process, SIGTSTP)
        try guest.say("between")
        let behind = try terminal.wait(for: "between")
        kill(terminal.process, SIGCONT)
        try guest.say("again")
        try terminal.wait(for: "again", from: behind)
        try terminal.type("k")
        #expect(try guest.hear(1) == [0x6B])
        #expect(!terminal.isCooked)
        try terminal.type("\u{1D}")
        #expect(terminal.wait() == 0)
        #expect(terminal.isCooked)
    }

    @Test func reconnectsWhenTheDaemonIsStartedAnew() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal(["attach", "console", "--path", port.path])
        let first = try port.accept()
        try first.say("one")
        try terminal.wait(for: "one")
        try first.hangUp()
        try terminal.wait(for: "the port is gone; waiting for it; ^] leaves")
        let second = try port.accept()
        try second.say("two")
        try terminal.wait(for: "two")
        try terminal.type("\u{1D}")
        #expect(terminal.wait() == 0)
    }

    @Test func endsWithThePortWhenAsked() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal(["attach", "console", "--path", port.path, "--no-reconnect"])
        try port.accept().hangUp()
        try terminal.wait(for: "the port's connection has ended")
        #expect(terminal.wait() == 0)
        #expect(terminal.isCooked)
    }

    @Test func aTextThatDidNotComeIsAFailureOnATerminalToo() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal([
            "attach", "console", "--path", port.path, "--no-reconnect", "--until", "login:",
        ])
        let guest = try port.accept()
        try guest.say("no log")
        try guest.hangUp()
        try terminal.wait(for: "the port ended before the text of --until came")
        #expect(terminal.wait() == 65)
        #expect(terminal.isCooked)
    }

    @Test func aTerminalIsLeftBehindTheText() throws {
        let port = try FakePort()
        let terminal = try SpawnedTerminal([
            "attach", "console", "--path", port.path, "--no-reconnect", "--until", "login:",
        ])
        let guest = try port.accept()
        try guest.say("vm login: ")
        try guest.hangUp()
        #expect(terminal.wait() == 0)
    }

    @Test func theGuestIsToldOfTheWindow() throws {
        let port = try FakePort()
        let daemon = try daemon(at: port.path)
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["attach", "console", "--control", daemon.path], rows: 31)
        let guest = try port.accept()
        try guest.say("ready")
        try terminal.wait(for: "ready")
        terminal.resize(columns: 132, rows: 43)
        try terminal.type("k")
        _ = try guest.hear(1)
        try terminal.type("\u{1D}")
        #expect(terminal.wait() == 0)
        let sizes = daemon.requests.filter { $0.execute == "port-set" }.compactMap { $0.arguments?["rows"] }
        #expect(sizes == [.integer(31), .integer(43)])
    }

    @Test func saysWhoHasThePort() throws {
        let port = try FakePort()
        let daemon = try daemon(at: port.path, clients: [ClientStatus(uid: 1000, gid: 1000, pid: 42)])
        defer { daemon.end() }
        let tool = try SpawnedTool(["attach", "console", "--control", daemon.path])
        try port.accept().hangUp()
        let result = try tool.wait()
        #expect(result.errors == "vserialctl: console is in use by uid 1000 pid 42; waiting for it\n")
        #expect(result.code == 0)
    }

    @Test func namesThePortsThereAre() throws {
        let daemon = try daemon(at: "/nowhere")
        defer { daemon.end() }
        let result = try SpawnedTool.run(["attach", "shell", "--control", daemon.path])
        #expect(result.errors == "vserialctl: there is no port shell; there are console\n")
        #expect(result.code == 64)
    }

    @Test func saysWhatToDoWithoutASocket() throws {
        let result = try SpawnedTool.run(["attach", "shell", "--path", "/nowhere/shell.sock"])
        #expect(result.errors == "vserialctl: /nowhere/shell.sock: there is no such socket; is the daemon running?\n")
        #expect(result.code == 69)
    }

    @Test func aPipeEndsBehindTheText() throws {
        let port = try FakePort()
        let tool = try SpawnedTool(["attach", "shell", "--path", port.path, "--until", "done"])
        let guest = try port.accept()
        try guest.say("all do")
        try guest.say("ne, more")
        let result = try tool.wait()
        #expect(result == SpawnedTool.Result(code: 0, output: "all done", errors: ""))
    }

    @Test func theEndsHaveTheirCodes() throws {
        let port = try FakePort()
        let early = try SpawnedTool(["attach", "shell", "--path", port.path, "--until", "done"])
        try port.accept().hangUp()
        #expect(try early.wait().code == 65)
        let late = try SpawnedTool(["attach", "shell", "--path", port.path, "--timeout", "0.2"])
        let guest = try port.accept()
        #expect(try late.wait().code == 75)
        // Standard input was /dev/null: the guest has been told of its end.
        #expect(try guest.hearRest().isEmpty)
    }

    @Test func logsWhatItShows() throws {
        let log = "/tmp/vserialctl-log-\(getpid())"
        defer { _ = unsafe unlink(log) }
        let port = try FakePort()
        for _ in 0..<2 {
            let tool = try SpawnedTool(["attach", "shell", "--path", port.path, "--log", log])
            let guest = try port.accept()
            try guest.say("line\n")
            try guest.hangUp()
            #expect(try tool.wait().output == "line\n")
        }
        #expect(try contents(of: log) == "line\nline\n")
    }
}
