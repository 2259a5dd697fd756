import LinuxIO
import Sandbox
import TOML
import Testing

@testable import SerialDaemon

@Suite("ConfigurationFile")
struct ConfigurationFileTests {
    private static func file(_ text: String) throws(ConfigurationFailure) -> ConfigurationFile {
        try ConfigurationFile(Array(text.utf8), path: "vm.toml")
    }

    /// The messages without the file's name.
    private static func refusals(_ text: String) -> [String] {
        do throws(ConfigurationFailure) {
            _ = try file(text)
            return []
        } catch {
            return error.lines.map { String($0.dropFirst("vm.toml:".count)) }
        }
    }

    @Test func everyOptionIsTaken() throws {
        let settings = try Self.file(
            """
            socket-path = "/run/s"
            fd = 3
            socket-dir = "/run/d"
            socket-group = 107
            control = "/run/c"
            metrics-file = "/run/m"
            capture-dir = "/run/p"
            max-ports = 5
            packed-rings = true
            poll-us = 50
            user = "root"
            group = "0"
            sandbox = "landlock"
            seccomp = "trap"
            log-level = "debug"
            """
        ).settings
        #expect(settings.socketPath == "/run/s")
        #expect(settings.inheritedDescriptor == 3)
        #expect(settings.socketDirectory == "/run/d")
        #expect(settings.socketGroup == "107")
        #expect(settings.controlPath == "/run/c")
        #expect(settings.metricsPath == "/run/m")
        #expect(settings.captureDirectory == "/run/p")
        #expect(settings.maxPorts == 5)
        #expect(settings.offersPackedRings == true)
        #expect(settings.pollingMicroseconds == 50)
        #expect(settings.user == "root")
        #expect(settings.group == "0")
        #expect(settings.confinement == .landlock)
        #expect(settings.filterAction == .trap)
        #expect(settings.logLevel == "debug")
        #expect(settings.ports == [])
    }

    @Test func fileThatSaysNothingSetsNothing() throws {
        let settings = try Self.file("# nothing\n").settings
        for option in OptionKey.allCases { #expect(settings.text(of: option) == nil, "\(option)") }
        #expect(settings.ports == [])
    }

    /// Each key as a number or truth value of TOML and as the text of the command line.
    @Test(arguments: [
        ("nr = 5", "nr=5"), ("nr = \"5\"", "nr=5"), ("nr = 0x5", "nr=5"),
        ("console = true", "console=on"), ("console = \"on\"", "console=on"), ("console = false", "console=off"),
        ("console = true\ncols = 80\nrows = 25", "console=on,cols=80,rows=25"),
        ("buffer-size = 65536", "buffer-size=64K"), ("buffer-size = \"64K\"", "buffer-size=64K"),
        ("linger = 5", "linger=5"), ("linger = 0.5", "linger=0.5"), ("linger = \"0.5\"", "linger=0.5"),
        ("linger = 1e-9", "linger=0.000000001"), ("linger = 2.0", "linger=2"),
        ("allow-uids = [\"root\", 1000]", "allow-uids=root:1000"),
        ("allow-uids = \"root:1000\"", "allow-uids=root:1000"),
        ("allow-gids = 7", "allow-gids=7"), ("path = \"/a,b\"", "path=/a,,b"),
        ("guest-close = \"eof\"\nclients-absent = \"discard\"", "guest-close=eof,clients-absent=discard"),
    ])
    func portOfAFileIsThePortOfTheCommandLine(keys: String, flag: String) throws {
        let file = try Self.file("[[port]]\nname = \"a\"\n\(keys)\n")
        #expect(file.settings.ports == [try PortOptions(parsing: "name=a,\(flag)")])
    }

    @Test func portsMayBeInlineTables() throws {
        let file = try Self.file(#"port = [{name = "a"}, {name = "b", nr = 4}]"#)
        #expect(file.settings.ports == [PortOptions(name: "a"), try PortOptions(parsing: "name=b,nr=4")])
    }

    @Test(arguments: [
        ("a = 1\na = 2", "2:5: Error while parsing key-value pair: cannot redefine existing integer 'a'"),
        ("max-ports = ", "1:13: Error while parsing key-value pair: encountered end-of-file"),
        ("\nmax-prots = 5", "2:1: 'max-prots' is no key: did you mean max-ports?"),
        ("colour = 5", "1:1: 'colour' is no key: use socket-path, fd, "),
        ("[port]\nname = 'a'", "1:2: 'port' must be a table for each port: write [[port]]"),
        ("port = [1]", "1:9: 'port' must be a table for each port"),
        ("[[port]]\nnr = 1", "1:1: the port has no name: add name = "),
        ("[[port]]\nname = 'a'\n nmae = 'a'", "3:2: 'nmae' is no key: did you mean name?"),
        ("[[port]]\nname = 'a'\n[port.nr]\nx = 1", "3:1: nr must be a string, a number, true or false."),
        ("socket-path = true", "1:15: socket-path must be a string."),
        ("socket-path = 1", "1:15: socket-path must be a string."),
        ("user = true", "1:8: user must be a string or a number."),
        ("max-ports = [1]", "1:13: max-ports must be a string, a number, true or false."),
        ("max-ports = 2026-11-21", "1:13: max-ports must be"),
        ("[[port]]\nname = 5", "2:8: name must be a string."),
        ("[[port]]\nname = 'a'\nallow-uids = ['root:0']", "3:14: allow-uids must be an array"),
        ("[[port]]\nname = 'a'\nallow-uids = [true]", "3:14: allow-uids must be an array"),
        ("[[port]]\nname = 'a'\nallow-uids = []", "3:14: allow-uids has no value: "),
        ("socket-dir = ''", "1:14: socket-dir has no value: "),
        (#"metrics-file = "a\u0000b""#, "1:16: metrics-file has a NUL character"),
        ("max-ports = 128", "1:13: max-ports = 128 must be 1 to 127."),
        ("max-ports = 1.0", "1:13: max-ports = 1.0 must be 1 to 127."),
        ("max-ports = -1", "1:13: max-ports = -1 must be 1 to 127."),
        ("max-ports = true", "1:13: max-ports = true must be 1 to 127."),
        ("poll-us = 1001", "1:11: poll-us = 1001 must be 0 to 1000 microseconds."),
        ("fd = -1", "1:6: fd = -1 must be the number of an open socket."),
        ("packed-rings = 1", "1:16: packed-rings = 1 must be on or off."),
        ("sandbox = 'chroot'", "1:11: sandbox = chroot must be namespace, landlock or none."),
        ("seccomp = 'x'", "1:11: seccomp = x must be kill, trap, log or none."),
        (
            "log-level = 'loud'",
            "1:13: log-level = loud must be trace, debug, info, notice, warning, error or critical."
        ),
        ("control = '@'", "1:11: --control=@: a socket address must not be empty: "),
        ("[[port]]\nname = 'a'\nnr = 900", "3:6: nr = 900 must be a port number, 0 to 126."),
        ("[[port]]\nname = 'a'\nnr = true", "3:6: nr = true must be a port number"),
        ("[[port]]\nname = 'a'\nlinger = nan", "3:10: linger = nan must be a number of seconds"),
        ("[[port]]\nname = 'a/b'", "2:8: name='a/b' contains '/': choose"),
        ("[[port]]\nname = 'a'\nallow-uids = ['no such user']", "3:14: allow-uids = no such user must be users"),
    ])
    func whatIsWrongIsNamedWithItsPlace(text: String, refusal: String) {
        let refusals = Self.refusals(text)
        #expect(refusals.count == 1)
        #expect(refusals.first?.hasPrefix(refusal) == true, "\(refusals)")
    }

    @Test func everythingThatIsWrongIsNamedAtOnce() {
        let refusals = Self.refusals(
            """
            max-ports = 500
            colour = 1
            [[port]]
            nr = 900
            [[port]]
            name = "a/b"
            cols = 0
            """)
        let places = refusals.map { $0.split(separator: ":").prefix(2).joined(separator: ":") }
        #expect(places == ["1:13", "2:1", "3:1", "4:6", "6:8", "7:8"])
    }

    @Test func messagesMoveNoCursor() throws {
        let failure = try #require(throws: ConfigurationFailure.self) {
            try ConfigurationFile(Array("\"a\\u001B[2J\" = 1\nlog-level = \"\\n\"".utf8), path: "a\nb")
        }
        #expect(failure.lines.count == 2)
        for line in failure.lines { #expect(!line.contains("\n") && !line.contains("\u{1B}"), "\(line)") }
    }

    @Test func wrongFilesAreConfigurationErrors() throws {
        let failure = try #require(throws: ConfigurationFailure.self) { try Self.file("colour = 1") }
        #expect(failure.exitCode == .configuration)
    }
}
