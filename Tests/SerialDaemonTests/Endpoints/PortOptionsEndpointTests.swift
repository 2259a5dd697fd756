import Glibc
import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("PortOptions: what a port is bound to")
struct PortOptionsEndpointTests {
    private static func port(_ keys: String, directory: String? = "/run/vm1") throws -> PortConfiguration {
        let options = try PortOptions(parsing: "name=a,\(keys)")
        return try options.configuration(number: 1, endpoint: options.endpoint(in: directory))
    }

    static let endpoints: [(String, EndpointConfiguration)] = [
        ("nr=1", .listener(.path("/run/vm1/a"))),
        ("path=/x", .listener(.path("/x"))),
        ("kind=socket,path=@x", .listener(.abstract("x"))),
        ("type=seqpacket", .listener(.path("/run/vm1/a"), .records)),
        ("type=stream,server=on", .listener(.path("/run/vm1/a"))),
        ("server=off", .connector(.path("/run/vm1/a"))),
        (
            "server=off,path=/x,reconnect-ms=250,type=seqpacket",
            .connector(.path("/x"), .records, .init(longestNanoseconds: 250_000_000))
        ),
        ("fd=7", .inherited(.number(7))),
        ("fd=vm.a", .inherited(.name("vm.a"))),
        ("kind=pty", .terminal(link: nil)),
        ("kind=pty,path=/x", .terminal(link: "/x")),
        ("kind=file,path=/x", .file("/x", appends: false)),
        ("kind=file,path=/x,append=on", .file("/x", appends: true)),
        ("kind=pipe,path=/x", .fifos("/x")),
        ("kind=stdio", .standardStreams),
        ("kind=null", .null),
    ]

    @Test(arguments: endpoints) func keysSayWhatItIs(keys: String, endpoint: EndpointConfiguration) throws {
        #expect(try Self.port(keys).endpoint == endpoint)
    }

    static let refusals: [(String, ConfigurationError)] = [
        ("kind=file", .kindWithoutPath(.file, port: "a")),
        ("kind=pipe", .kindWithoutPath(.pipe, port: "a")),
        ("kind=stdio,path=/x", .keyOfOtherKind(.path, .stdio, port: "a")),
        ("kind=null,path=/x", .keyOfOtherKind(.path, .null, port: "a")),
        ("kind=pty,server=off", .keyOfOtherKind(.server, .pty, port: "a")),
        ("kind=file,path=/x,wait=on", .keyOfOtherKind(.wait, .file, port: "a")),
        ("kind=pty,reconnect-ms=1", .keyOfOtherKind(.reconnect, .pty, port: "a")),
        ("kind=pty,type=stream", .keyOfOtherKind(.type, .pty, port: "a")),
        ("kind=null,fd=3", .keyOfOtherKind(.descriptor, .null, port: "a")),
        ("append=on", .keyOfOtherKind(.append, .socket, port: "a")),
        ("kind=pipe,path=/x,mode=0600", .keyOfOtherKind(.mode, .pipe, port: "a")),
        ("kind=pty,clients=2", .keyOfOtherKind(.clients, .pty, port: "a")),
        ("kind=file,path=/x,scrollback=1K", .keyOfOtherKind(.scrollback, .file, port: "a")),
        ("kind=pty,allow-uids=0", .keyOfOtherKind(.allowedUsers, .pty, port: "a")),
        ("kind=null,guest-close=eof", .keyOfOtherKind(.guestClose, .null, port: "a")),
        ("kind=stdio,linger=1", .keyOfOtherKind(.linger, .stdio, port: "a")),
        ("fd=3,path=/x", .keyOfInheritedSocket(.path, port: "a")),
        ("fd=3,server=off", .keyOfInheritedSocket(.server, port: "a")),
        ("fd=3,mode=0600", .keyOfInheritedSocket(.mode, port: "a")),
        ("reconnect-ms=5", .reconnectOfListener(port: "a")),
        ("server=off,mode=0600", .accessOfConnector(port: "a")),
        ("type=seqpacket,clients-absent=buffer", .keptRecords(.clientsAbsent, port: "a")),
        ("type=seqpacket,scrollback=1K", .keptRecords(.scrollback, port: "a")),
        ("type=seqpacket,clients=2", .manyClients(port: "a")),
        ("server=off,clients=2", .manyClients(port: "a")),
        ("writers=2", .moreWritersThanClients(port: "a")),
        ("clients=2,writers=3", .moreWritersThanClients(port: "a")),
        ("kind=telnet", .badValue(.kind, "telnet")),
        ("type=dgram", .badValue(.type, "dgram")),
        ("fd=-1", .badValue(.descriptor, "-1")),
        ("mode=888", .badValue(.mode, "888")),
        ("mode=01777", .badValue(.mode, "01777")),
        ("reconnect-ms=0", .badValue(.reconnect, "0")),
        ("clients=17", .badValue(.clients, "17")),
    ]

    @Test(arguments: refusals) func whatHasNoMeaningIsRefused(keys: String, error: ConfigurationError) {
        #expect(throws: error) { try Self.port(keys) }
    }

    @Test func thereIsOneStandardInput() throws {
        let settings = OperatorSettings(
            socketPath: "/x",
            ports: try ["name=a,kind=stdio", "name=b,kind=stdio"].map { try PortOptions(parsing: $0) })
        #expect(throws: ConfigurationError.standardStreamsTwice(first: "a", second: "b")) {
            try settings.configuration()
        }
    }

    // MARK: Who may open it

    @Test func ownerGroupAndModeAreThePortsOwnOrElseAllPorts() throws {
        let directory = try TemporaryDirectory()
        let keys = [
            "name=a,mode=0640", "name=b", "name=c,kind=file,path=\(directory.path)/c,mode=0604", "name=d,group=0",
        ]
        let configuration = try OperatorSettings(
            socketPath: directory.path + "/vhost.sock", socketDirectory: directory.path,
            ports: try keys.map { try PortOptions(parsing: $0) }
        ).configuration()
        let opener = PortOpener(configuration) { _ in nil }
        var modes: [UInt16] = []
        for port in configuration.ports {
            var file: BoundFile?
            let binding = try opener.open(port, file: &file)
            modes.append(permissions(of: "\(directory.path)/\(port.name)"))
            drop(binding)
        }
        #expect(modes == [0o640, 0o600, 0o604, 0o660])
    }

    private func permissions(of path: String) -> UInt16 {
        var status = stat()
        return unsafe stat(path, &status) == 0 ? UInt16(status.st_mode & 0o777) : .max
    }
}
