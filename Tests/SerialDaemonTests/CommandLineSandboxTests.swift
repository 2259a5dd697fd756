import Foundation
import Glibc
import LinuxIO
import Testing

@testable import Sandbox

/// The real program, shut in: what /proc says of it, and that it works all the same.
@Suite("Command line: sandbox", .serialized)
struct CommandLineSandboxTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func started(_ arguments: String...) throws -> SpawnedDaemon {
        let daemon = try SpawnedDaemon(
            ["--socket-path", "\(directory.path)/vhost.sock", "--socket-dir", directory.path, "--port", "name=a"]
                + arguments)
        #expect(daemon.waitForOutput("waiting for a front-end"))
        return daemon
    }

    /// It ends well, its sockets are gone, and it was never denied anything.
    private func expectGoodEnd(_ daemon: SpawnedDaemon) {
        daemon.send(SIGTERM)
        let exit = daemon.wait()
        #expect(exit.code == 0, "\(exit.output)")
        #expect(!exit.output.contains("denied"))
        #expect(directory.names == [])
    }

    private func threads(_ daemon: SpawnedDaemon) throws -> [ThreadStatus] {
        let folder = "/proc/\(daemon.process)/task"
        return try FileManager.default.contentsOfDirectory(atPath: folder).map {
            ThreadStatus(parsing: try String(contentsOfFile: "\(folder)/\($0)/status", encoding: .utf8))
        }
    }

    private func link(_ path: String) throws -> String {
        try FileManager.default.destinationOfSymbolicLink(atPath: path)
    }

    @Test func everyThreadIsShutInByDefault() throws {
        let daemon = try started()
        let threads = try threads(daemon)
        #expect(threads.map(\.name).sorted() == ["device", "vhost-user-seri"])
        let expected = ThreadStatus.Expectation(
            identity: Identity(user: getuid(), group: getgid()), wasPrivileged: getuid() == 0, filterCount: 2)
        for thread in threads { #expect(thread.problem(against: expected) == nil, "\(thread.name)") }
        expectGoodEnd(daemon)
    }

    @Test func rootIsEmptyButForTheSockets() throws {
        let daemon = try started("--sandbox", "namespace")
        let mounts = try String(contentsOfFile: "/proc/\(daemon.process)/mountinfo", encoding: .utf8)
            .split(separator: "\n").map { $0.split(separator: " ") }
        #expect(mounts.map { String($0[4]) } == ["/", directory.path])
        #expect(mounts[0][5].hasPrefix("ro,nosuid,nodev,noexec"))
        #expect(mounts[1][5].hasPrefix("rw,nosuid,nodev,noexec"))
        for namespace in ["mnt", "net", "ipc", "uts", "cgroup"] {
            let (theirs, ours) = ("/proc/\(daemon.process)/ns/\(namespace)", "/proc/self/ns/\(namespace)")
            #expect(try link(theirs) != link(ours))
        }
        expectGoodEnd(daemon)
    }

    @Test(arguments: ["namespace", "landlock", "none"], ["kill", "trap", "log", "none"])
    func everyKindServesAndEndsWell(sandbox: String, seccomp: String) throws {
        let daemon = try started("--sandbox", sandbox, "--seccomp", seccomp)
        let client = try UnixStream.connect(to: .path("\(directory.path)/a"))
        #expect(daemon.waitForOutput("client connected"))
        withExtendedLifetime(client.rawValue) {}
        expectGoodEnd(daemon)
    }

    @Test(.enabled(if: getuid() == 0, "becoming another user needs root"))
    func anotherUserOwnsTheSockets() throws {
        unsafe chmod(directory.path, 0o777)
        // With an operator's socket the files that are made have another mode; the way to them must be open all the same.
        let daemon = try started(
            "--user", "65534", "--group", "65533", "--control", "\(directory.path)/control")
        var status = stat()
        #expect(unsafe lstat("\(directory.path)/a", &status) == 0)
        #expect((status.st_uid, status.st_gid) == (65534, 65533))
        #expect(status.st_mode & 0o777 == 0o600)
        let expected = ThreadStatus.Expectation(
            identity: Identity(user: 65534, group: 65533), wasPrivileged: true, filterCount: 2)
        for thread in try threads(daemon) { #expect(thread.problem(against: expected) == nil, "\(thread.name)") }
        expectGoodEnd(daemon)
    }

    @Test func reportNamesWhatHolds() throws {
        let daemon = try started("--sandbox", "landlock", "--seccomp", "log")
        #expect(daemon.waitForOutput("sandbox: Landlock (ABI"))
        #expect(daemon.waitForOutput("no capabilities, system calls by list (log); checked for 2 threads"))
        expectGoodEnd(daemon)
    }

    @Test(arguments: ["--sandbox=chroot", "--seccomp=maybe", "--user=no such user", "--group=root"])
    func whatCannotBeMeantIsRefused(argument: String) throws {
        let daemon = try SpawnedDaemon(
            ["--socket-path", "\(directory.path)/s", "--socket-dir", directory.path, "--port", "name=a", argument])
        let exit = daemon.wait()
        #expect([64, 78].contains(exit.code), "\(exit.output)")
        #expect(exit.output.contains(argument.prefix { $0 != "=" }))
        #expect(directory.names == [])
    }

    /// What a port is given at run time may look like anything: library calls that look at it are in the lists.
    @Test(
        arguments: [
            #""mode":"0666""#, #""logfile":"x.log""#, #""logfile":"DIR//x.log""#, #""logfile":"DIR/./x.log""#,
            #""logfile":"DIR/../NAME/x.log""#, #""path":"DIR/../NAME/x""#, #""path":"x""#, #""path":"DIR/up/NAME/x""#,
        ], ["namespace", "landlock"])
    func everySpellingIsAnswered(keys: String, sandbox: String) throws {
        let name = String(directory.path.split(separator: "/").last ?? "")
        try FileManager.default.createSymbolicLink(atPath: "\(directory.path)/up", withDestinationPath: "..")
        let control = "\(directory.path)/control"
        let daemon = try started("--control", control, "--sandbox", sandbox, "--seccomp", "trap")
        let keys = keys.replacing("DIR", with: directory.path).replacing("NAME", with: name)
        let answers = try ask(control, [#"{"execute":"port-add","arguments":{"id":"b",\#(keys)}}"#])
        #expect(answers.count == 2)
        daemon.send(SIGTERM)
        let exit = daemon.wait()
        #expect(exit.code == 0)
        #expect(!exit.output.contains("denied"), "\(exit.output)")
    }

    /// Says these commands at a control socket; returns their answers, with that to the negotiation.
    private func ask(_ path: String, _ commands: [String]) throws -> [String] {
        let client = try HostClient(connectingTo: .path(path))
        let lines = [#"{"execute":"qmp_capabilities"}"#] + commands
        client.send(Array(lines.map { "\($0)\n" }.joined().utf8))
        var received: [UInt8] = []
        while true {
            let answers = String(decoding: received, as: UTF8.self).split(separator: "\r\n").map(String.init)
                .filter { $0.contains("\"return\"") || $0.contains("\"error\"") }
            var entry = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            guard answers.count < lines.count, unsafe poll(&entry, 1, 10_000) == 1, !client.isAtEnd else {
                return answers
            }
            received += client.receive()
        }
    }
}
