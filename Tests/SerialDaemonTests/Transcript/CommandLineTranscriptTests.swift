import Foundation
import Glibc
import Testing

@testable import SerialDaemon

/// The real program, shut in: its transcripts' files come about, and are opened again.
@Suite("Command line: transcripts", .serialized)
struct CommandLineTranscriptTests {
    private let directory: TemporaryDirectory
    private let logs: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        logs = try TemporaryDirectory()
    }

    private func spawned(_ keys: String, _ arguments: [String] = []) throws -> SpawnedDaemon {
        try SpawnedDaemon(
            [
                "--socket-path", "\(directory.path)/vhost.sock", "--socket-dir", directory.path, "--log-level", "debug",
                "--port", "name=a,\(keys)",
            ] + arguments)
    }

    @Test(arguments: ["namespace", "landlock", "none"], [["kill"], ["kill", "--control", "CONTROL"]])
    func itIsOpenedAgainFromWithinTheSandbox(sandbox: String, seccomp: [String]) throws {
        let options = seccomp.map { $0.replacing("CONTROL", with: "\(directory.path)/control") }
        #expect(FileManager.default.createFile(atPath: "\(logs.path)/a.log", contents: Data([1])))
        let daemon = try spawned("logfile=\(logs.path)/a.log", ["--sandbox", sandbox, "--seccomp"] + options)
        #expect(daemon.waitForOutput("waiting for a front-end"))
        #expect(logs.names == ["a.log"])
        #expect(FileManager.default.contents(atPath: "\(logs.path)/a.log") == Data(), "it begins anew")
        #expect(unsafe rename("\(logs.path)/a.log", "\(logs.path)/a.log.1") == 0)
        daemon.send(SIGHUP)
        #expect(daemon.waitForOutput("opened again"))
        #expect(logs.names == ["a.log", "a.log.1"])
        #expect(logs.mode(of: "a.log") == 0o600)
        daemon.send(SIGTERM)
        let exit = daemon.wait()
        #expect(exit.code == 0, "\(exit.output)")
    }

    @Test(.enabled(if: getuid() == 0, "becoming another user needs root"))
    func theFileBelongsToTheUserThatTheProcessBecomes() throws {
        for path in [directory.path, logs.path] { unsafe chmod(path, 0o777) }
        // With an operator's socket the files that are made have another mode, and so had directories of the new root.
        let daemon = try spawned(
            "logfile=\(logs.path)/a.log",
            ["--user", "65534", "--group", "65533", "--control", "\(directory.path)/control"])
        #expect(daemon.waitForOutput("waiting for a front-end"))
        var status = stat()
        #expect(unsafe lstat("\(logs.path)/a.log", &status) == 0)
        #expect((status.st_uid, status.st_gid) == (65534, 65533))
    }

    @Test(.enabled(if: getuid() == 0, "becoming another user needs root"))
    func aDirectoryThatTheUserMayNotWriteIsAnError() throws {
        unsafe chmod(directory.path, 0o777)
        unsafe chmod(logs.path, 0o755)
        let daemon = try spawned("logfile=\(logs.path)/a.log", ["--user", "65534"])
        let exit = daemon.wait()
        #expect(exit.code == ExitCode.noPermission.rawValue)
        #expect(exit.output.contains("--port name=a: cannot write logfile=\(logs.path)/a.log: open: Permission denied"))
        #expect(logs.names == [])
    }

    @Test func whatCannotBeIsAnErrorThatNamesKeyAndPath() throws {
        let missing = try spawned("logfile=\(logs.path)/sub/a.log").wait()
        #expect(missing.code == ExitCode.cannotCreate.rawValue)
        #expect(missing.output.contains("logfile=\(logs.path)/sub/a.log: there is no directory \(logs.path)/sub"))
        #expect(unsafe symlink("\(logs.path)/elsewhere", "\(logs.path)/link") == 0)
        let link = try spawned("logfile=\(logs.path)/link").wait()
        #expect(link.code == ExitCode.cannotCreate.rawValue)
        #expect(link.output.contains("logfile=\(logs.path)/link: what is there is no regular file"))
        let twice = try spawned(
            "logfile=\(logs.path)/b", ["--port", "name=b,logfile=/proc/self/root\(logs.path)/b"]
        ).wait()
        #expect(twice.code == ExitCode.usage.rawValue)
        #expect(twice.output.contains("port a writes its own there"))
        #expect(directory.names == [], "the sockets are gone")
    }
}
