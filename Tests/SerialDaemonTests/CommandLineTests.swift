import Foundation
import Glibc
import LinuxIO
import Testing

/// The program as a supervisor sees it: arguments, stderr, socket files, signals and exit codes.
@Suite("Command line", .serialized)
struct CommandLineTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func daemon(_ arguments: String..., inherited: Int32? = nil, closing: [Int32] = []) throws -> SpawnedDaemon
    {
        let socket = inherited == nil ? ["--socket-path", "\(directory.path)/vhost.sock"] : ["--fd=3"]
        return try SpawnedDaemon(
            socket + ["--socket-dir", directory.path] + arguments, inherited: inherited, closing: closing)
    }

    @Test(arguments: [
        ["--print-capabilities"], ["--no-such-flag", "--print-capabilities"],
        ["--port", "garbage", "--print-capabilities", "--fd=x"],
    ])
    func capabilitiesArePrintedWhateverElseIsThere(arguments: [String]) throws {
        let exit = try SpawnedDaemon(arguments).wait()
        #expect(exit.code == 0)
        let json = try JSONSerialization.jsonObject(with: Data(exit.output.utf8)) as? [String: String]
        #expect(json == ["type": "console"])
    }

    @Test(arguments: [(["--help"], "linger=SECONDS"), (["--version"], "0.1.0")])
    func helpAndVersionAreNoErrors(arguments: [String], text: String) throws {
        let exit = try SpawnedDaemon(arguments).wait()
        #expect(exit.code == 0)
        #expect(exit.output.contains(text))
    }

    @Test(arguments: [
        (["--no-such-flag"], "--no-such-flag"),
        (["--socket-path"], "--socket-path"),
        (["--port", "name=a"], "--socket-path"),
        (["--socket-path=/nowhere/s", "--fd=3", "--port", "name=a"], "--fd"),
        (["--socket-path=/nowhere/s"], "--port"),
        (["--socket-path=/nowhere/s", "--port", "name=a"], "--socket-dir"),
        (
            ["--socket-path=/nowhere/s", "--port", "name=a,path=/nowhere/a", "--port", "name=a,path=/nowhere/b"],
            "name=a"
        ),
        (["--socket-path=/nowhere/s", "--socket-dir=/nowhere", "--port", "name=a/b"], "'a/b'"),
        (
            ["--socket-path=/nowhere/s", "--port", "name=a,path=/nowhere/" + String(repeating: "x", count: 100)],
            "path="
        ),
        (
            ["--socket-path=/nowhere/" + String(repeating: "x", count: 100), "--port", "name=a,path=@a"],
            "--socket-path="
        ),
        (["--socket-path=/nowhere/s", "--port", "name=a,path=@a", "--max-ports=128"], "--max-ports=128"),
        (["--socket-path=/nowhere/s", "--port", "name=a,path=@a", "--log-level=loud"], "--log-level=loud"),
        (["--socket-path=/nowhere/s", "--port", "name=a,path=@a", "--poll-us=1001"], "--poll-us=1001"),
        (["--socket-path=/nowhere/s", "--port", "name=a,path=@a", "--packed-rings=maybe"], "maybe"),
    ])
    func wrongUsageIsExit64AndNamesTheCulprit(arguments: [String], culprit: String) throws {
        let exit = try SpawnedDaemon(arguments).wait()
        #expect(exit.code == 64)
        #expect(exit.output.contains(culprit))
    }

    @Test func groupThatThisHostLacksIsExit78() throws {
        #expect(try daemon("--socket-group=no such group", "--port=name=a").wait().code == 78)
    }

    @Test func missingDirectoryIsExit73AndIsNotMade() throws {
        let missing = directory.path + "/missing"
        let exit = try SpawnedDaemon(
            ["--socket-path=\(directory.path)/s", "--socket-dir=\(missing)", "--port=name=a"]
        ).wait()
        #expect(exit.code == 73)
        #expect(exit.output.contains(missing))
        #expect(directory.names == [])
    }

    @Test func failedStartLeavesNoSocketBehind() throws {
        let exit = try daemon("--port=name=a", "--port=name=b,path=/nowhere/b").wait()
        #expect(exit.code == 73)
        #expect(exit.output.contains("name=b"))
        #expect(directory.names == [])
    }

    @Test func socketInUseIsExit69AndItsOwnerKeepsIt() throws {
        let first = try daemon("--port=name=a")
        #expect(first.waitForOutput("waiting for a front-end"))
        let second = try daemon("--port=name=a").wait()
        #expect(second.code == 69)
        #expect(second.output.contains("vhost.sock"))
        #expect(directory.names == ["a", "vhost.sock"])
        first.send(SIGTERM)
        #expect(first.wait().code == 0)
    }

    @Test func descriptorThatIsNoSocketIsExit64() throws {
        let file = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(file) }
        let exit = try daemon("--port=name=a", inherited: file).wait()
        #expect(exit.code == 64)
        #expect(exit.output.contains("--fd=3"))
        #expect(try SpawnedDaemon(["--fd=150", "--port=name=a,path=@vus-test-a"]).wait().code == 64)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func signalEndsItQuicklyAndRemovesTheSockets(signal: Int32) throws {
        let daemon = try daemon("--port=name=vm.ctl", "--port=name=con,console=on")
        #expect(daemon.waitForOutput("waiting for a front-end"))
        #expect(directory.names == ["con", "vhost.sock", "vm.ctl"])
        #expect(directory.mode(of: "vm.ctl") == 0o600)
        #expect(directory.mode(of: "vhost.sock") == 0o600)
        let start = MonotonicClock.nanoseconds()
        daemon.send(signal)
        let exit = daemon.wait()
        // The promise is 100 ms; a second allows for a busy machine.
        #expect(MonotonicClock.nanoseconds() - start < 1_000_000_000)
        #expect(exit.code == 0)
        #expect(exit.output.contains("vhost-user-serial: info: port vm.ctl: "))
        #expect(directory.names == [])
    }

    @Test func groupMayUseTheSockets() throws {
        let daemon = try daemon("--socket-group=\(getgid())", "--port=name=a")
        #expect(daemon.waitForOutput("waiting for a front-end"))
        #expect(directory.mode(of: "a") == 0o660)
        #expect(directory.mode(of: "vhost.sock") == 0o660)
    }

    @Test func hangUpOfATerminalDoesNotEndIt() throws {
        let daemon = try daemon("--port=name=a", "--log-level=debug")
        #expect(daemon.waitForOutput("waiting for a front-end"))
        daemon.send(SIGHUP)
        #expect(daemon.waitForOutput("SIGHUP"))
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test func stalledStderrDoesNotDelayTheEnd() throws {
        let daemon = try daemon("--port=name=a", "--log-level=debug")
        #expect(daemon.waitForOutput("waiting for a front-end"))
        try daemon.stallOutput()
        daemon.send(SIGHUP)  // a line that cannot be written
        daemon.send(SIGTERM)
        let start = MonotonicClock.nanoseconds()
        #expect(daemon.wait().code == 0)
        #expect(MonotonicClock.nanoseconds() - start < 1_000_000_000)
    }

    @Test func socketThatIsNotOursAnyMoreIsLeftAlone() throws {
        let daemon = try daemon("--port=name=a")
        #expect(daemon.waitForOutput("waiting for a front-end"))
        // Somebody else's file has taken the place of the socket.
        #expect(unsafe rename("\(directory.path)/a", "\(directory.path)/b") == 0)
        #expect(unsafe symlink("b", "\(directory.path)/a") == 0)
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
        #expect(directory.names == ["a", "b"])
    }

    @Test func inheritedSocketIsServed() throws {
        var ends: [Int32] = [0, 0]
        #expect(unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        let daemon = try daemon("--port=name=a", inherited: ends[0])
        #expect(daemon.waitForOutput("front-end of descriptor 3"))
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test func missingStderrIsReplacedBeforeASocketTakesItsNumber() throws {
        let daemon = try daemon("--port=name=a", closing: [STDERR_FILENO])
        // It cannot say that it has started; that it listens shows in the directory.
        let deadline = MonotonicClock.nanoseconds() + 10_000_000_000
        while directory.names != ["a", "vhost.sock"], MonotonicClock.nanoseconds() < deadline { sched_yield() }
        #expect(daemon.target(of: STDERR_FILENO) == "/dev/null")
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }
}

@Suite("Discovery file")
struct DiscoveryFileTests {
    /// QEMU's docs/interop/vhost-user.json, VhostUserBackend: these members, and no others but "features" and "tags".
    @Test func discoveryFileHasTheShapeThatManagementToolsRead() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let data = try Data(contentsOf: root.appendingPathComponent("share/50-vhost-user-serial.json"))
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: String])
        #expect(Set(json.keys) == ["description", "type", "binary"])
        #expect(json["type"] == "console")
        #expect(json["binary"] == "/usr/bin/vhost-user-serial")
    }
}
