import LinuxIO
import Logging
import TOML
import Testing

@testable import SerialDaemon

@Suite("LayeredConfiguration")
struct LayeredConfigurationTests {
    private static func layers(
        _ text: String?, flags: OperatorSettings = OperatorSettings(ports: []), ports: [String] = []
    ) throws -> LayeredConfiguration {
        try LayeredConfiguration(
            flags: flags, ports: ports.map { try OperatorPort(parsing: $0) },
            file: try text.map { try ConfigurationFile(Array($0.utf8), path: "vm.toml") })
    }

    private static let file = """
        socket-path = "@vm"
        socket-dir = "/run/vm1"
        max-ports = 8
        log-level = "debug"
        [[port]]
        name = "a"
        [[port]]
        name = "b"
        nr = 5

        """

    @Test func flagGoesBeforeTheFileAndTheFileBeforeTheDefault() throws {
        let flags = OperatorSettings(maxPorts: 12, ports: [], pollingMicroseconds: 7)
        let configuration = try Self.layers(Self.file, flags: flags).configuration
        #expect(configuration.maxPorts == 12)
        #expect(configuration.pollingNanoseconds == 7000)
        #expect(configuration.logLevel == .debug)
        #expect(!configuration.offersPackedRings)
        #expect(configuration.frontend == .listen(.abstract("vm")))
    }

    /// No option is lost on the way through the layers.
    @Test(arguments: OptionKey.allCases) func everyOptionOfBothLayersArrives(option: OptionKey) throws {
        let values: [OptionKey: (String, String)] = [
            .socketPath: ("/a", "/b"), .inheritedDescriptor: ("3", "4"), .control: ("/a", "/b"),
            .maxPorts: ("3", "4"), .packedRings: ("on", "off"), .pollMicroseconds: ("1", "2"),
            .sandbox: ("none", "landlock"), .seccomp: ("log", "kill"), .logLevel: ("trace", "info"),
        ]
        let (upper, lower) = values[option] ?? ("upper", "lower")
        var flags = OperatorSettings(ports: [])
        var file = OperatorSettings(ports: [])
        #expect(flags.over(file).text(of: option) == nil)
        try file.set(option, to: lower)
        #expect(flags.over(file).text(of: option) == lower)
        try flags.set(option, to: upper)
        #expect(flags.over(file).text(of: option) == upper)
        for other in OptionKey.allCases where other != option { #expect(flags.over(file).text(of: other) == nil) }
    }

    @Test func portsOfTheCommandLineComeAfterThoseOfTheFile() throws {
        let configuration = try Self.layers(Self.file, ports: ["name=c", "name=d,nr=1"]).configuration
        #expect(configuration.ports.map(\.name) == ["a", "b", "c", "d"])
        #expect(configuration.ports.map(\.number) == [2, 5, 3, 1])
    }

    @Test func commandLineAloneNeedsNoFile() throws {
        let flags = OperatorSettings(socketPath: "@vm", ports: [])
        #expect(try Self.layers(nil, flags: flags, ports: ["name=a,path=@a"]).configuration.ports.count == 1)
        let failure = try #require(throws: ConfigurationFailure.self) {
            try Self.layers(nil, ports: ["name=a,path=@a"])
        }
        #expect(failure == .commandLine(.frontendMissing))
        #expect(failure.exitCode == .usage)
    }

    @Test(arguments: [
        (
            "", ["name=a"],
            "vm.toml:6:1: port a stands twice: give each port a name of its own. See also the command line."
        ),
        (
            "[[port]]\nname = 'a'", [],
            "vm.toml:11:1: port a stands twice: give each port a name of its own. See also vm.toml:6:1."
        ),
        (
            "[[port]]\nnr = 5\nname = 'c'", [],
            "vm.toml:11:1: nr=5 is given to b and to c: change one of them. See also vm.toml:9:1."
        ),
        (
            "[[port]]\nname = 'c'\nnr = 8", [],
            "vm.toml:12:1: port c: nr=8 must be below --max-ports=8. See also vm.toml:3:1."
        ),
        ("", ["name=c,nr=8"], "vm.toml:3:1: port c: nr=8 must be below --max-ports=8. See also the command line."),
        ("[[port]]\nname = 'c'\nrows = 25", [], "vm.toml:12:1: port c: rows= is only for a console: "),
        (
            "[[port]]\nname = 'c'\nconsole = true\nrows = 25", [],
            "vm.toml:10:1: port c: a size needs cols= and rows=: add cols=."
        ),
        (
            "[[port]]\nname = 'c'\nconsole = true\nclients-absent = 'block'", [],
            "vm.toml:13:1: port c: clients-absent=block"
        ),
        ("[[port]]\nname = 'c'\nbuffer-size = 1", [], "vm.toml:12:1: port c: buffer-size= needs clients-absent=buffer"),
        (
            "[[port]]\nname = 'c'\npath = '@vm'", [],
            "vm.toml:12:1: @vm is the socket of --socket-path and of --port name=c: change one. See also vm.toml:1:1."
        ),
        (
            "", ["name=c,path=@vm"],
            "vm.toml:1:1: @vm is the socket of --socket-path and of --port name=c: change one. See also the command line."
        ),
    ])
    func brokenRuleIsNamedWithItsPlaces(more: String, ports: [String], message: String) throws {
        let failure = try #require(throws: ConfigurationFailure.self) {
            try Self.layers(Self.file + more, ports: ports)
        }
        #expect(failure.lines.count == 1)
        #expect(failure.lines[0].hasPrefix(message), "\(failure.lines)")
        #expect(failure.exitCode == .configuration)
    }

    @Test(arguments: [
        ("fd = 3", "vm.toml:2:1: --socket-path and --fd exclude each other: give one of them. See also vm.toml:1:1."),
        ("group = 'root'", "vm.toml:2:1: --group needs --user"),
        ("user = 'no such user'", "vm.toml:2:1: --user=no such user is no user of this host"),
        ("user = 'root'\ngroup = 'no such group'", "vm.toml:3:1: --group=no such group is no group"),
        (
            "socket-group = 'no such group'\nport = [{name = 'a', path = '@a'}]",
            "vm.toml:2:1: --socket-group=no such group"
        ),
        ("capture-dir = '/c'", "vm.toml:2:1: --capture-dir needs --control"),
        ("max-ports = 1\nport = [{name = 'a'}, {name = 'b'}]", "vm.toml:2:1: 2 ports do not fit --max-ports=1"),
        (
            "socket-dir = '/\(String(repeating: "x", count: 107))'\nport = [{name = 'a'}]",
            "vm.toml:2:1: --socket-dir: /xxx"
        ),
        ("port = [{name = 'a'}]", "vm.toml:2:9: port a has no path=: add it, or --socket-dir=DIR"),
    ])
    func brokenRuleOfOptionsIsNamedWithItsPlaces(more: String, message: String) throws {
        let ports = more.contains("port =") ? [] : ["name=z,path=@z"]
        let failure = try #require(throws: ConfigurationFailure.self) {
            try Self.layers("socket-path = '@vm'\n" + more, ports: ports)
        }
        #expect(failure.lines.count == 1)
        #expect(failure.lines[0].hasPrefix(message), "\(failure.lines)")
    }

    @Test func whatIsMissingEverywhereNamesTheFile() throws {
        let failure = try #require(throws: ConfigurationFailure.self) { try Self.layers("socket-path = '@vm'") }
        #expect(failure.lines[0].hasPrefix("vm.toml: --port is missing: "))
        #expect(failure.exitCode == .configuration)
    }

    @Test func mistakeOfTheCommandLineIsNotTheFiles() throws {
        let failure = try #require(throws: ConfigurationFailure.self) {
            try Self.layers(Self.file, flags: OperatorSettings(maxPorts: 500, ports: []))
        }
        #expect(failure == .commandLine(.maxPortsOutOfRange(500)))
    }

    // MARK: The configuration in force

    @Test func textNamesTheOriginOfEachKey() throws {
        let layers = try Self.layers(
            Self.file, flags: OperatorSettings(ports: [], pollingMicroseconds: 7), ports: ["name=c,linger=0.5"])
        let lines = layers.text.split(separator: "\n").map(String.init)
        for line in [
            #"socket-path = "@vm"  # vm.toml:1"#, "max-ports = 8  # vm.toml:3", "poll-us = 7  # flag",
            #"packed-rings = "off"  # default"#, "# control is not set",
            #"name = "b"  # vm.toml:8"#, "nr = 5  # vm.toml:9", #"path = "/run/vm1/b"  # default"#,
            #"name = "c"  # flag"#, "nr = 2  # default", #"linger = "0.5"  # flag"#,
        ] {
            #expect(lines.contains(line), "\(line)")
        }
        // Every key there is, in each port; fd and group are options as well.
        let ofPorts = lines.drop { $0 != "[[port]]" }
        for key in PortKey.allCases {
            let count = ofPorts.filter { $0.hasPrefix("\(key.rawValue) = ") || $0 == "# \(key.rawValue) is not set" }
                .count
            #expect(count == 3, "\(key)")
        }
        for option in OptionKey.allCases {
            #expect(
                lines.contains { $0.hasPrefix("\(option.rawValue) = ") || $0 == "# \(option.rawValue) is not set" },
                "\(option)")
        }
    }

    @Test(arguments: [
        file,
        file + "[[port]]\nname = \"é\u{2028}\"\npath = '@q\"\\\t'",
        file + "[[port]]\nname = 'con'\nconsole = true\ncols = 80\nrows = 25\nresize-order = 'off'\nbuffer-size = '1M'",
        file + "[[port]]\nname = 'x'\nallow-uids = ['root', 5]\nallow-gids = 7\nlinger = 0.25\nexpect-open = 1",
        file.replacing("socket-path = \"@vm\"", with: "fd = 3\nuser = 'root'\nseccomp = 'log'\npacked-rings = true"),
    ])
    func textReadsBackAsTheSameConfiguration(file: String) throws {
        let layers = try Self.layers(file, ports: ["name=flag,clients-absent=buffer"])
        let again = try Self.layers(layers.text)
        #expect(again.configuration == layers.configuration)
        // With other origins, and nothing else.
        func keys(_ text: String) -> [String] {
            text.split(separator: "\n").map { $0.split(separator: "  # ").first.map(String.init) ?? "" }
        }
        #expect(keys(again.text) == keys(layers.text))
    }
}
