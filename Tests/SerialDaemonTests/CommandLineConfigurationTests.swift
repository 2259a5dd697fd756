import Glibc
import LinuxIO
import Testing

/// `--config` and `--check-config` of the program.
@Suite("Command line: configuration file", .serialized)
struct CommandLineConfigurationTests {
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/vm.toml" }

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func write(_ text: String) throws {
        try directory.write(Array(text.utf8), to: "vm.toml")
    }

    private var whole: String {
        """
        socket-path = "\(directory.path)/vhost.sock"
        socket-dir = "\(directory.path)"
        log-level = "debug"
        [[port]]
        name = "vm.ctl"

        """
    }

    @Test func fileAloneStartsTheDaemon() throws {
        try write(whole)
        let daemon = try SpawnedDaemon(["--config", path])
        #expect(daemon.waitForOutput("waiting for a front-end"))
        #expect(directory.names == ["vhost.sock", "vm.ctl", "vm.toml"])
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
        #expect(directory.names == ["vm.toml"])
    }

    @Test func portsOfFileAndFlagsAreServedTogether() throws {
        try write(whole)
        let daemon = try SpawnedDaemon(["--config", path, "--port", "name=more"])
        #expect(daemon.waitForOutput("waiting for a front-end"))
        #expect(directory.names == ["more", "vhost.sock", "vm.ctl", "vm.toml"])
        daemon.send(SIGTERM)
        #expect(daemon.wait().code == 0)
    }

    @Test func checkedConfigurationIsPrintedAndNothingIsTouched() throws {
        try write(whole)
        let exit = try SpawnedDaemon(["--config", path, "--check-config", "--poll-us=5"]).wait()
        #expect(exit.code == 0)
        #expect(exit.output.contains("socket-dir = \"\(directory.path)\"  # \(path):2\n"))
        #expect(exit.output.contains("poll-us = 5  # flag\n"))
        #expect(exit.output.contains("max-ports = 31  # default\n"))
        #expect(directory.names == ["vm.toml"])

        // What was printed says the same once more.
        try write(exit.output)
        let again = try SpawnedDaemon(["--config", path, "--check-config"]).wait()
        #expect(again.code == 0)
        func keys(_ text: String) -> [String] {
            text.split(separator: "\n").map { $0.split(separator: "  # ").first.map(String.init) ?? "" }
        }
        #expect(keys(again.output) == keys(exit.output))
    }

    @Test func flagsAreCheckedWithoutAFile() throws {
        let flags = ["--socket-path=/nowhere/s", "--socket-dir=/nowhere", "--port=name=a"]
        let good = try SpawnedDaemon(flags + ["--check-config"]).wait()
        #expect(good.code == 0)
        #expect(good.output.contains("path = \"/nowhere/a\"  # default\n"))
        let bad = try SpawnedDaemon(flags + ["--check-config", "--max-ports=128"]).wait()
        #expect(bad.code == 64)
        #expect(bad.output.contains("--max-ports=128"))
    }

    @Test(arguments: [["--check-config"], []])
    func wrongFileIsExit78WithALineForEachMistake(arguments: [String]) throws {
        try write(whole + "nr = 900\ncolour = 1\n")
        let exit = try SpawnedDaemon(["--config", path] + arguments).wait()
        #expect(exit.code == 78)
        #expect(exit.output.split(separator: "\n").count == 2)
        #expect(exit.output.contains("vhost-user-serial: error: \(path):6:6: nr = 900 must be"))
        #expect(exit.output.contains("vhost-user-serial: error: \(path):7:1: 'colour' is no key"))
        #expect(directory.names == ["vm.toml"])
    }

    @Test func fileThatCannotBeReadIsExit78() throws {
        for (path, reason) in [
            (directory.path + "/missing", "No such file or directory"), (directory.path, "Is a directory"),
            ("/dev/zero", "more than 1 MiB"),
        ] {
            let exit = try SpawnedDaemon(["--config", path, "--port=name=a,path=@a"]).wait()
            #expect(exit.code == 78)
            #expect(exit.output.contains("\(path): ") && exit.output.contains(reason), "\(exit.output)")
        }
    }

    @Test func fileThatIsNoUTF8IsExit78() throws {
        try directory.write(Array("socket-dir = \"\u{0}\"".utf8).map { $0 == 0 ? 0xFF : $0 }, to: "vm.toml")
        let exit = try SpawnedDaemon(["--config", path]).wait()
        #expect(exit.code == 78)
        #expect(exit.output.contains("\(path):1:14: Encountered invalid utf-8 sequence"), "\(exit.output)")
    }

    @Test func wrongFlagBesideAGoodFileIsExit64() throws {
        try write(whole)
        let exit = try SpawnedDaemon(["--config", path, "--max-ports=128"]).wait()
        #expect(exit.code == 64)
        #expect(!exit.output.contains("vm.toml"))
    }

    /// `--config <(make-config)`.
    @Test func fileMayBeAPipe() throws {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        defer { close(ends[0]) }
        let text = Array(whole.utf8)
        #expect(unsafe Glibc.write(ends[1], text, text.count) == text.count)
        close(ends[1])
        let exit = try SpawnedDaemon(["--config", "/dev/fd/3", "--check-config"], inherited: ends[0]).wait()
        #expect(exit.code == 0, "\(exit.output)")
        #expect(exit.output.contains("# /dev/fd/3:5\n"))
    }
}
