import ControlProtocol
import Glibc
import LinuxIO
import Logging
import Sandbox
import Testing

@testable import SerialDaemon

/// A control server with a device loop behind it, and programs at its socket. One thread plays all parts.
final class ControlServerFixture {
    let server: ControlServer
    let transcripts: Transcripts
    let device: DeviceLoopFixture
    let catalogue: PortCatalogue
    let threshold = LogThreshold(.info)
    let address: UnixAddress
    let directory: TemporaryDirectory
    private let logQueue: LogQueue

    /// - Parameters:
    ///   - ports: that the device starts with.
    ///   - owner: whose programs may change things.
    /// - Throws: the host's error.
    init(_ ports: [PortConfiguration] = [.port()], owner: UInt32 = geteuid()) throws {
        device = try DeviceLoopFixture(ports)
        directory = try TemporaryDirectory()
        address = .path(directory.path + "/control")
        var configuration = device.configuration
        configuration.controlAddress = address
        catalogue = PortCatalogue(configuration, files: [:])
        configuration.sandbox.identity = Identity(user: owner, group: getegid())
        configuration.sandbox.directories = [directory.path]
        let context = ControlContext(configuration, threshold: threshold)
        logQueue = try LogQueue()
        let log = DaemonLogHandler.logger(queue: logQueue, threshold: threshold)
        transcripts = try Transcripts(configuration, log: log)
        server = try ControlServer(
            listener: try UnixListener.bind(to: address, mode: 0o600),
            commands: ControlCommands(
                context: context, catalogue: catalogue, captures: Captures(directory: directory.path),
                transcripts: transcripts),
            mailbox: device.mailbox, log: log)
    }

    /// Has server and device take turns until both would wait.
    func settle() throws {
        for _ in 0..<1000 {
            try server.serve()
            try device.settle()
            let reports = device.mailbox.takeReports()
            let isQuiet = reports.isEmpty && !isReadable(server.descriptor)
            server.deliver(reports)
            if isReadable(transcripts.descriptor) { transcripts.write() }
            if isQuiet { return }
        }
        throw DeviceLoopFixture.Failure.spins
    }

    /// A program connects; its greeting is still to be read.
    func connect() throws -> ControlPeer {
        let peer = ControlPeer(try HostClient(connectingTo: address), fixture: self)
        try settle()
        return peer
    }

    /// One that has left negotiation behind.
    func negotiated() throws -> ControlPeer {
        let peer = try connect()
        _ = try peer.say(#"{"execute":"qmp_capabilities"}"#)
        return peer
    }

    var lines: [String] { logQueue.take().lines.map(\.text) }
}

/// A program at the control socket.
final class ControlPeer {
    let client: HostClient
    private unowned let fixture: ControlServerFixture
    private var received: [UInt8] = []

    init(_ client: HostClient, fixture: ControlServerFixture) {
        self.client = client
        self.fixture = fixture
    }

    /// Sends text, and returns the lines that come back.
    func say(_ text: String) throws -> [String] {
        client.send(Array((text + "\n").utf8))
        try fixture.settle()
        return lines()
    }

    /// Executes a command, and returns what it answers.
    func execute<Content: Codable & Sendable>(
        _ command: String, _ arguments: [String: JSONValue] = [:], as type: Content.Type = ControlNothing.self
    ) throws -> ControlAnswer<Content> {
        let request = try ControlCoding.encode(ControlRequest(execute: command, arguments: arguments, id: 1))
        let lines = try say(String(decoding: request, as: UTF8.self))
        let answer = try #require(lines.last { !$0.contains(#""event":"#) })
        return try ControlCoding.decode(ControlAnswer<Content>.self, from: answer.utf8)
    }

    /// The same of a program that reads until nothing more comes.
    func allLines() throws -> [String] {
        var all: [String] = []
        while client.unreadByteCount > 0 {
            all += lines()
            try fixture.settle()
        }
        return all
    }

    /// The whole lines that came since the last call, without their ends.
    func lines() -> [String] {
        received += client.receive(atMost: 8 << 20)
        guard let end = received.lastIndex(of: UInt8(ascii: "\n")) else { return [] }
        defer { received.removeFirst(end + 1) }
        return String(decoding: received[...end], as: UTF8.self).split(separator: "\r\n").map(String.init)
    }
}
