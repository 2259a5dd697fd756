import LinuxIO
import Logging
import Sandbox
import Testing
import VirtioConsole

@testable import SerialDaemon

@Suite("OperatorSettings: the rules between options")
struct OperatorSettingsTests {
    private static func settings(_ ports: String..., socketDirectory: String? = "/run/vm1") throws -> OperatorSettings {
        OperatorSettings(
            socketPath: "/run/vm1/vhost.sock", socketDirectory: socketDirectory,
            ports: try ports.map { try PortOptions(parsing: $0) })
    }

    @Test func genericPortHasTheDefaultsOfThePortContract() throws {
        let configuration = try Self.settings("name=vm.ctl").configuration()
        #expect(configuration.frontend == .listen(.path("/run/vm1/vhost.sock")))
        #expect(configuration.maxPorts == 31)
        #expect(configuration.queueCount == 64)
        #expect(configuration.socketMode == 0o600)
        #expect(configuration.logLevel == .info)
        #expect(configuration.pollingNanoseconds == 0)
        #expect(!configuration.offersPackedRings)
        #expect(
            configuration.ports == [
                PortConfiguration(
                    name: "vm.ctl", number: 1, isConsole: false, endpoint: .listener(.path("/run/vm1/vm.ctl")),
                    size: nil,
                    resizeOrder: .columnsFirst, clientsAbsent: .block, bufferByteCount: 65_536, guestClose: .keep,
                    lingerNanoseconds: nil)
            ])
    }

    @Test func consoleNeverBlocksByDefault() throws {
        let port = try Self.settings("name=con,console=on,cols=80,rows=25").configuration().ports[0]
        #expect(port.isConsole)
        #expect(port.number == 0)
        #expect(port.clientsAbsent == .buffer)
        #expect(port.bufferByteCount == 65_536)
        #expect(port.size == ConsoleSize(columns: 80, rows: 25))
    }

    @Test func groupOpensTheSocketsToIt() throws {
        var settings = try Self.settings("name=a")
        settings.socketGroup = "root"
        let configuration = try settings.configuration()
        #expect(configuration.socketGroup == 0)
        #expect(configuration.socketMode == 0o660)
    }

    @Test func pollingAndPackedRingsAreTakenOver() throws {
        var settings = try Self.settings("name=a")
        (settings.pollingMicroseconds, settings.offersPackedRings) = (1000, true)
        let configuration = try settings.configuration()
        #expect(configuration.pollingNanoseconds == 1_000_000)
        #expect(configuration.offersPackedRings)
    }

    @Test func inheritedDescriptorReplacesThePath() throws {
        var settings = try Self.settings("name=a")
        settings.socketPath = nil
        settings.inheritedDescriptor = 3
        #expect(try settings.configuration().frontend == .inherited(3))
    }

    @Test(arguments: [
        ("name=c,console=on,clients-absent=block", ConfigurationError.consoleThatBlocks(port: "c")),
        ("name=a,buffer-size=1K", .bufferSizeWithoutBuffer(port: "a")),
        ("name=a,clients-absent=discard,buffer-size=1K", .bufferSizeWithoutBuffer(port: "a")),
        ("name=a,cols=80,rows=25", .consoleKeyOnGenericPort(.columns, port: "a")),
        ("name=a,console=off,rows=25", .consoleKeyOnGenericPort(.rows, port: "a")),
        ("name=a,resize-order=off", .consoleKeyOnGenericPort(.resizeOrder, port: "a")),
        ("name=c,console=on,cols=80", .halfASize(missing: .rows, port: "c")),
        ("name=c,console=on,rows=25", .halfASize(missing: .columns, port: "c")),
        ("name=c,console=on,rate=1M", .consoleWithRate(port: "c")),
        ("name=a,logappend=on", .logKeyWithout(.logPath, .logAppends, port: "a")),
        ("name=a,log-size=1M", .logKeyWithout(.logPath, .logSize, port: "a")),
        ("name=a,log-files=2", .logKeyWithout(.logPath, .logFiles, port: "a")),
        ("name=a,logfile=/l,log-files=2", .logKeyWithout(.logSize, .logFiles, port: "a")),
    ])
    func keysThatContradictEachOtherAreRefused(text: String, error: ConfigurationError) throws {
        let settings = try Self.settings(text)
        #expect(throws: error) { try settings.configuration() }
    }

    @Test func portsThatShareANameANumberOrASocketAreRefused() throws {
        let names = try Self.settings("name=a", "name=a,path=/x")
        #expect(throws: ConfigurationError.portNameTwice("a")) { try names.configuration() }
        let numbers = try Self.settings("name=a,nr=1", "name=b,nr=1")
        #expect(throws: ConfigurationError.portNumberTwice(number: 1, first: "a", second: "b")) {
            try numbers.configuration()
        }
        let paths = try Self.settings("name=a", "name=b,path=/run/vm1/a")
        #expect(
            throws: ConfigurationError.addressTwice(
                .path("/run/vm1/a"), first: "--port name=a", second: "--port name=b")
        ) { try paths.configuration() }
        let frontend = try Self.settings("name=vhost.sock")
        #expect(
            throws: ConfigurationError.addressTwice(
                .path("/run/vm1/vhost.sock"), first: "--socket-path", second: "--port name=vhost.sock")
        ) { try frontend.configuration() }
    }

    @Test func directoryIsNeededOnlyByPortsWithoutPath() throws {
        let without = try Self.settings("name=a,path=/x", "name=b", socketDirectory: nil)
        #expect(throws: ConfigurationError.portWithoutPath("b")) { try without.configuration() }
        let abstract = try Self.settings("name=a,path=/x", "name=b,path=@b", socketDirectory: nil)
        #expect(try abstract.configuration().ports.map(\.endpoint.address) == [.path("/x"), .abstract("b")])
    }

    @Test func defaultPathMustFitASocketAddress() throws {
        // "/run/vm1/" has 9 bytes, sun_path takes 107 and its NUL.
        #expect(throws: Never.self) { try Self.settings("name=\(String(repeating: "x", count: 98))").configuration() }
        #expect(throws: ConfigurationError.self) {
            try Self.settings("name=\(String(repeating: "x", count: 99))").configuration()
        }
    }

    @Test func optionsOfTheWholeCommandAreChecked() throws {
        func expect(_ error: ConfigurationError, _ change: (inout OperatorSettings) -> Void) throws {
            var settings = try Self.settings("name=a")
            change(&settings)
            #expect(throws: error) { try settings.configuration() }
        }
        try expect(.frontendMissing) { $0.socketPath = nil }
        try expect(.frontendTwice) { $0.inheritedDescriptor = 3 }
        try expect(.badDescriptor(-1)) { ($0.socketPath, $0.inheritedDescriptor) = (nil, -1) }
        try expect(.badDescriptor(1 << 40)) { ($0.socketPath, $0.inheritedDescriptor) = (nil, 1 << 40) }
        try expect(.maxPortsOutOfRange(0)) { $0.maxPorts = 0 }
        try expect(.maxPortsOutOfRange(128)) { $0.maxPorts = 128 }
        try expect(.noPorts) { $0.ports = [] }
        try expect(.unknownLogLevel("loud")) { $0.logLevel = "loud" }
        try expect(.pollingOutOfRange(-1)) { $0.pollingMicroseconds = -1 }
        try expect(.pollingOutOfRange(1001)) { $0.pollingMicroseconds = 1001 }
        try expect(.unknownGroup("--socket-group", "no such group")) { $0.socketGroup = "no such group" }
        try expect(.unknownUser("no such user")) { $0.user = "no such user" }
        try expect(.groupWithoutUser) { $0.group = "root" }
        try expect(.unknownGroup("--group", "no such group")) { ($0.user, $0.group) = ("root", "no such group") }
    }

    @Test func aRateIsForPortsThatMayStandStill() throws {
        let ports = try Self.settings("name=a,rate=off", "name=b,rate=2K", "name=c,console=on,rate=0").configuration()
            .ports
        #expect(ports.map(\.bytesPerSecond) == [nil, 2048, nil])
    }

    @Test func aTranscriptHasDefaults() throws {
        let ports = try Self.settings(
            "name=a,logfile=/l/a", "name=b,logfile=b,logappend=on,log-size=1M,log-files=3",
            "name=c,logfile=/l/c,log-size=1M,console=on"
        ).configuration().ports
        #expect(ports[0].transcript == TranscriptSettings(path: "/l/a"))
        #expect(
            ports[1].transcript
                == TranscriptSettings(path: "b", appends: true, maximumByteCount: 1 << 20, oldFileCount: 3))
        #expect(ports[2].transcript == TranscriptSettings(path: "/l/c", maximumByteCount: 1 << 20, oldFileCount: 1))
    }

    @Test func sandboxKnowsWhatItMustKeep() throws {
        var settings = try Self.settings("name=a,path=/somewhere/a", "name=b", "name=c,path=@c", "name=d,path=d")
        settings.user = "65534"
        settings.group = "0"
        settings.confinement = .landlock
        settings.filterAction = .log
        let sandbox = try settings.configuration().sandbox
        #expect(sandbox.directories == [".", "/run/vm1", "/somewhere"])
        #expect(sandbox.identity == Identity(user: 65534, group: 0))
        #expect(sandbox.confinement == .landlock)
        #expect(sandbox.filterAction == .log)
        #expect(!sandbox.needsPeerIdentities)
        #expect(!sandbox.duties.contains(.transcripts))
        let logged = try Self.settings("name=a,logfile=/var/log/a", "name=b,logfile=b").configuration().sandbox
        #expect(logged.directories == [".", "/run/vm1", "/var/log"])
        #expect(logged.duties == .transcripts)
        let typed = try Self.settings("name=a,kind=stdio").configuration().sandbox
        #expect(typed.duties == .terminal)
        let strict = try Self.settings("name=a", "name=b,allow-gids=0").configuration()
        #expect(strict.sandbox.needsPeerIdentities)
        #expect(strict.sandbox.filterAction == .kill, "the default")
        #expect(strict.ports[1].peerPolicy == PeerPolicy(groups: [0]))
    }
}
