import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Every kind of endpoint but the usual one, with real bytes both ways.
@Suite("Endpoints: kinds")
struct EndpointKindsTests {
    /// A device with one port of a kind, booted; the guest has the port open.
    private static func opened(
        _ endpoint: EndpointConfiguration, clientsAbsent: ClientsAbsent = .block,
        environment: [String: String] = [:], prepare: (String) throws -> Void = { _ in }
    ) throws -> DeviceLoopFixture {
        let fixture = try DeviceLoopFixture(
            [.port(clientsAbsent: clientsAbsent, endpoint: endpoint)], environment: environment, prepare: prepare)
        try fixture.boot()
        try fixture.open(1)
        return fixture
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        let file = try OpenFile(path: path, flags: O_RDONLY)
        var bytes: [UInt8] = []
        while true {
            let piece = try TestFile.read(file)
            guard !piece.isEmpty else { return bytes }
            bytes += piece
        }
    }

    // MARK: What is said of them

    @Test(
        arguments: [
            (.listener(.abstract("")), true, "stream"), (.listener(.abstract(""), .records), true, "seqpacket"),
            (.connector(.path("s"), .stream), false, "stream"), (.connector(.path("s"), .records), false, "seqpacket"),
            (.terminal(link: nil), nil, nil), (.file("f", appends: true), nil, nil), (.null, nil, nil),
        ] as [(EndpointConfiguration, Bool?, String?)])
    func anOperatorCanTellWhoListens(endpoint: EndpointConfiguration, server: Bool?, type: String?) throws {
        let status = try #require(try DeviceLoopFixture([.port(endpoint: endpoint)]).status(of: 1))
        #expect(status.server == server)
        #expect(status.type == type)
    }

    @Test func whereAnInheritedSocketIsIsNotKnown() throws {
        let pair = try UnixStream.pair()
        let endpoint = EndpointConfiguration.inherited(.number(pair.first.rawValue))
        #expect(endpoint.isServer == nil)
        #expect(endpoint.socketType == .stream)
    }

    // MARK: Nowhere

    @Test func nullTakesEverythingAndIsAlwaysOpen() throws {
        let fixture = try Self.opened(.null)
        #expect(fixture.takeControl().contains(.open(1, true)))
        for _ in 0..<40 {
            try fixture.guest.write(pattern(4000), port: 1)
            try fixture.settle()
            fixture.guest.transmitq(1).reap()
        }
        #expect(fixture.guest.transmitq(1).inFlight.isEmpty)
        #expect(fixture.counters(1).toHostBytes == 160_000)
        #expect(fixture.guest.read(port: 1) == [])
        #expect(try fixture.perform(.disconnectClient(port: 1)).map { "\($0)" }?.contains("no client") == true)
    }

    // MARK: Files

    @Test(arguments: [false, true]) func aFileGetsWhatTheGuestWrites(appends: Bool) throws {
        let fixture = try Self.opened(.file("log", appends: appends)) { directory in
            try TestFile.write(Array("before".utf8), to: directory + "/log")
        }
        try fixture.guest.write(Array(" first".utf8), port: 1)
        try fixture.guest.write(Array(" second".utf8), port: 1)
        try fixture.settle()
        let found = String(decoding: try Self.contents(fixture.directory.path + "/log"), as: UTF8.self)
        #expect(found == (appends ? "before first second" : " first second"))
        #expect(fixture.guest.read(port: 1) == [])
    }

    @Test func whatIsNoRegularFileIsRefusedAndKept() throws {
        #expect(throws: StartError.self) {
            try Self.opened(.file("log", appends: false)) { directory in
                #expect(unsafe symlink("/dev/null", directory + "/log") == 0)
            }
        }
        #expect(throws: StartError.self) {
            try Self.opened(.file("log", appends: false)) { #expect(unsafe mkfifo($0 + "/log", 0o600) == 0) }
        }
    }

    /// A disk without room holds the guest's writers, costs no turn, and is tried again.
    @Test func aFullDiskHoldsTheGuest() throws {
        let fixture = try DeviceLoopFixture([.port(endpoint: .null), .port("vm.full", number: 2)])
        try fixture.boot()
        let full = PortBinding.permanent(.files(input: nil, output: try OpenFile(path: "/dev/full", flags: O_WRONLY)))
        _ = try fixture.perform(.removePort(2))
        let port = PortConfiguration.port("vm.full", number: 2, endpoint: .file("/dev/full", appends: true))
        #expect(try fixture.perform(.addPort(PortAddition(port, binding: full))).map { "\($0)" } == "done")
        try fixture.guest.sendPortReady(2)
        try fixture.guest.write(Array("waits".utf8), port: 2)
        try fixture.settle()
        #expect(!fixture.hasWork)
        #expect(fixture.counters(2).toHostBytes == 0)
        #expect(fixture.guest.transmitq(2).reap() == [])
        #expect(fixture.lines.contains { $0.contains("no room on the disk") })
        // The timer tries again and finds the same; the guest's bytes are still there.
        let first = fixture.loop.restEnd
        try fixture.settle { fixture.loop.restEnd != first }
        #expect(fixture.loop.portsWithoutRoom.contains(2))
        #expect(fixture.counters(2).toHostBytes == 0)
    }

    // MARK: FIFOs and standard streams

    @Test func fifosCarryBothWays() throws {
        let fixture = try Self.opened(.fifos("vm")) { directory in
            for end in ["in", "out"] { #expect(unsafe mkfifo("\(directory)/vm.\(end)", 0o600) == 0) }
        }
        let output = try OpenFile(path: fixture.directory.path + "/vm.out", flags: O_RDONLY)
        let input = try OpenFile(path: fixture.directory.path + "/vm.in", flags: O_WRONLY)
        try fixture.guest.write(Array("to host".utf8), port: 1)
        try fixture.settle()
        #expect(try TestFile.read(output) == Array("to host".utf8))
        try TestFile.write(Array("to guest".utf8), to: input)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("to guest".utf8))
        // A writer that leaves is not seen, and the next one is read.
        drop(input)
        try fixture.settle()
        #expect(fixture.hasClient(1))
        try TestFile.write(
            Array("again".utf8), to: try OpenFile(path: fixture.directory.path + "/vm.in", flags: O_WRONLY))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("again".utf8))
    }

    @Test func aFullFIFOHoldsTheGuestUntilItIsRead() throws {
        let fixture = try Self.opened(.fifos("vm")) { directory in
            for end in ["in", "out"] { #expect(unsafe mkfifo("\(directory)/vm.\(end)", 0o600) == 0) }
        }
        let output = try OpenFile(path: fixture.directory.path + "/vm.out", flags: O_RDONLY)
        var sent: [UInt8] = []
        for _ in 0..<30 {
            let piece = pattern(4000)
            try fixture.guest.write(piece, port: 1)
            sent += piece
        }
        try fixture.settle()
        #expect(fixture.counters(1).toHostBytes < 120_000)
        #expect(!fixture.hasWork)
        var received: [UInt8] = []
        while received.count < sent.count {
            let piece = try TestFile.read(output)
            guard !piece.isEmpty else { break }
            received += piece
            try fixture.settle()
        }
        #expect(received == sent)
    }

    @Test func aMissingFIFOIsTheOperators() throws {
        let error = #expect(throws: StartError.self) { try Self.opened(.fifos("vm")) }
        #expect(error?.description.contains("mkfifo") == true)
        #expect(error?.exitCode == .cannotCreate)
    }

    /// Two pipes, as for a process's own standard streams.
    @Test func theEndOfOnePipeIsNotTheEndOfTheOther() throws {
        let fixture = try DeviceLoopFixture([.port(endpoint: .null)], maxPorts: 3)
        try fixture.boot()
        let input = try TestPipe()
        let output = try TestPipe()
        let port = PortConfiguration.port("std", number: 2, endpoint: .standardStreams)
        let binding = PortBinding.permanent(
            .files(
                input: try OpenFile(adopting: input.takeReader()), output: try OpenFile(adopting: output.takeWriter())))
        #expect(try fixture.perform(.addPort(PortAddition(port, binding: binding))).map { "\($0)" } == "done")
        try fixture.guest.sendPortReady(2)
        try fixture.open(2)
        input.write(Array("last words".utf8))
        input.closeWriter()
        try fixture.settle()
        #expect(fixture.guest.read(port: 2) == Array("last words".utf8))
        #expect(!fixture.hasWork, "the end is reported for ever, and costs no turn")
        try fixture.guest.write(Array("still heard".utf8), port: 2)
        try fixture.settle()
        #expect(output.read() == Array("still heard".utf8))
        // And the other end: what comes is thrown away, and the port lives.
        output.closeReader()
        try fixture.guest.write(Array("unheard".utf8), port: 2)
        try fixture.settle()
        try fixture.guest.write(Array("unheard".utf8), port: 2)
        try fixture.settle()
        fixture.guest.transmitq(2).reap()
        #expect(fixture.guest.transmitq(2).inFlight.isEmpty)
        #expect(!fixture.hasWork)
        #expect(fixture.hasClient(2))
    }

    // MARK: Inherited sockets

    @Test func aConnectedSocketIsThePortsClient() throws {
        let sockets = makeSocketPair()
        let fixture = try Self.opened(.inherited(.number(sockets.second)))
        let other = UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.first))
        try fixture.guest.write([1, 2, 3], port: 1)
        try fixture.settle()
        #expect(try other.read() == [1, 2, 3])
        try other.write([4, 5])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [4, 5])
    }

    @Test func aListeningSocketOfSystemdIsFoundByItsName() throws {
        let directory = try TemporaryDirectory()
        let address = UnixAddress.path(directory.path + "/passed")
        let listener = try UnixListener.bind(to: address, mode: 0o600)
        // The first of systemd's is number 3, which is somebody else's here: as many names as it takes.
        let number = fcntl(listener.rawValue, F_DUPFD, 200)
        try #require(number >= 200)
        let names = (3..<number).map { _ in "other" } + ["vm.data"]
        let fixture = try Self.opened(
            .inherited(.name("vm.data")),
            environment: [
                "LISTEN_PID": "\(getpid())", "LISTEN_FDS": "\(names.count)",
                "LISTEN_FDNAMES": names.joined(separator: ":"),
            ])
        let client = try HostClient(connectingTo: address)
        try fixture.settle()
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(client.receive() == [1])
        #expect(FileStatusProbe.exists(directory.path + "/passed"), "not ours to remove")
    }

    @Test func whatWasNotPassedIsNamed() throws {
        let error = #expect(throws: StartError.self) {
            try Self.opened(
                .inherited(.name("vm.data")),
                environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "vm.data"])
        }
        #expect(error?.description.contains("'vm.data'") == true)
        #expect(error?.exitCode == .usage)
    }
}
