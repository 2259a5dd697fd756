import ControlProtocol
import FoundationEssentials
import Glibc
import LinuxIO
import Logging
import Testing
import VirtioTestSupport

@testable import SerialDaemon

@Suite("Capture")
struct CaptureTests {
    /// A guest that has port 1 open, a client at it, and somebody at the control socket.
    private func scene(
        _ ports: [PortConfiguration] = [.port()]
    ) throws -> (fixture: ControlServerFixture, client: HostClient, peer: ControlPeer) {
        let fixture = try ControlServerFixture(ports)
        try fixture.device.boot()
        let client = try fixture.device.connect(1)
        try fixture.device.open(1)
        return (fixture, client, try fixture.negotiated())
    }

    private func start(_ peer: ControlPeer, _ arguments: [String: JSONValue]) throws -> JSONValue {
        let answer = try peer.execute("capture-start", arguments, as: StartedCapture.self)
        return .integer(Int64(try #require(answer.return, "\(String(describing: answer.error))").capture))
    }

    private func contents(_ fixture: ControlServerFixture, _ name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        let descriptor = unsafe open(fixture.directory.path + "/" + name, O_RDONLY)
        defer { close(descriptor) }
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = unsafe read(descriptor, &piece, piece.count), count > 0 { bytes += piece[..<count] }
        return bytes
    }

    @Test func bothDirectionsAreInTheFile() throws {
        let (fixture, client, peer) = try scene()
        let capture = try start(peer, ["file": "a.pcapng"])
        try fixture.device.guest.write(pattern(100), port: 1)
        try fixture.settle()
        client.send(pattern(50, from: 100))
        try fixture.settle()
        let totals = try #require(try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self).return)
        #expect(totals.packets == 2)
        #expect(totals.lost == 0)
        let file = try CaptureReader(contents(fixture, "a.pcapng"))
        #expect(UInt64(contents(fixture, "a.pcapng").count) > totals.bytes)
        #expect(file.interfaces.map(\.name) == ["vm.data"])
        #expect(file.interfaces.map(\.linkType) == [252])
        #expect(file.packets.map(\.bytes) == [pattern(100), pattern(50, from: 100)])
        #expect(file.packets.map(\.direction) == [1, 2])
        #expect(file.packets.map(\.length) == [100, 50])
        #expect(file.packets.allSatisfy { $0.tags[12] == Array("data".utf8) })
        #expect(file.packets.allSatisfy { $0.tags[33] == Array("vm.data".utf8) + [0] })
        #expect(file.packets.map { $0.tags[35] } == [[0, 0, 0, 1], [0, 0, 0, 0]])
        #expect(file.packets[0].nanoseconds < file.packets[1].nanoseconds)
        #expect(file.statistics?.received == 2)
        #expect(file.statistics?.dropped == 0)
        // Nothing is copied any more.
        try fixture.device.guest.write([1], port: 1)
        try fixture.settle()
        #expect(fixture.device.loop.taps.isEmpty)
    }

    @Test func theGuestAgentsPortIsJSON() throws {
        let (fixture, client, peer) = try scene([.port("org.qemu.guest_agent.0")])
        defer { client.close() }
        let capture = try start(peer, ["file": "a"])
        try fixture.device.guest.write(Array("{}".utf8), port: 1)
        try fixture.settle()
        _ = try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self)
        #expect(try CaptureReader(contents(fixture, "a")).packets.first?.tags[12] == Array("json".utf8))
    }

    @Test("no more than asked for is kept of a packet", arguments: [0, 1, 7, 100, 101])
    func snapLength(length: Int) throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let capture = try start(peer, ["file": "a", "snaplen": .integer(Int64(length))])
        try fixture.device.guest.write(pattern(100), port: 1)
        try fixture.settle()
        _ = try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self)
        let packet = try #require(try CaptureReader(contents(fixture, "a")).packets.first)
        #expect(packet.bytes == pattern(min(length, 100)))
        #expect(packet.length == 100)
    }

    @Test func onlyTheChosenPortsAreCaptured() throws {
        let (fixture, client, peer) = try scene([.port(), .port("other", number: 2)])
        defer { client.close() }
        let capture = try start(peer, ["file": "a", "ports": ["other"]])
        try fixture.device.guest.write([1], port: 1)
        try fixture.settle()
        #expect(
            try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self).return?.packets == 0)
        #expect(try CaptureReader(contents(fixture, "a")).interfaces.map(\.name) == ["other"])
    }

    @Test func anotherPortOfTheNumberIsNotCaptured() throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let capture = try start(peer, ["file": "a"])
        _ = try peer.execute("port-remove", ["id": "vm.data"])
        #expect(
            try peer.execute("port-add", ["id": "secret", "nr": 1, "clients-absent": "discard"], as: AddedPort.self)
                .error == nil)
        try fixture.device.guest.write([1, 2, 3], port: 1)
        try fixture.settle()
        #expect(
            try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self).return?.packets == 0)
    }

    @Test func messagesOfTheFrontendAreInTheFileToo() throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let capture = try start(peer, ["file": "a", "ports": [], "frontend": true])
        _ = try fixture.device.say(.getFeatures)
        try fixture.settle()
        _ = try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self)
        let file = try CaptureReader(contents(fixture, "a"))
        #expect(file.interfaces.map(\.name) == ["vhost-user"])
        #expect(file.interfaces.map(\.linkType) == [147])
        // GET_FEATURES, version 1, nothing behind it; the answer has a u64.
        #expect(file.packets.first?.bytes == [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        #expect(file.packets.last?.bytes.prefix(12) == [1, 0, 0, 0, 5, 0, 0, 0, 8, 0, 0, 0])
        #expect(file.packets.map(\.direction) == [1, 2])
    }

    @Test("files take turns, however many packets come at once", arguments: [1, 30])
    func filesTakeTurns(atOnce count: Int) throws {
        let (fixture, client, peer) = try scene()
        let capture = try start(peer, ["file": "a", "max-size": 4096, "files": 3])
        try write(30, atOnce: count, fixture, client)
        let totals = try #require(try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self).return)
        #expect(totals.packets == 30 && totals.lost == 0)
        let packets = try ["a.2", "a.1", "a"].flatMap { try CaptureReader(contents(fixture, $0)).packets.map(\.bytes) }
        #expect(packets == (30 - packets.count..<30).map { pattern(1000, from: $0) }, "the newest, in order")
        #expect(packets.count >= 7)
        for name in ["a", "a.1", "a.2"] { #expect(contents(fixture, name).count <= 4096) }
        #expect(contents(fixture, "a.3").isEmpty)
        #expect(try CaptureReader(contents(fixture, "a")).statistics?.received == 30)
    }

    @Test("a single file ends the capture when it is full, and every packet is in it or counted", arguments: [1, 10])
    func aSingleFile(atOnce count: Int) throws {
        let (fixture, client, peer) = try scene()
        _ = try start(peer, ["file": "a", "max-size": 4096])
        _ = peer.lines()
        try write(10, atOnce: count, fixture, client)
        let events = try peer.lines().map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
        let end = try #require(events.first { $0.name == .captureStopped })
        #expect(end.data["reason"] == "the file is full")
        #expect(end.data["packets"] == 3)
        // The capture has ended with the fourth, or with all that came with it.
        let lost = count == 1 ? 1 : 7
        #expect(end.data["lost"] == .integer(Int64(lost)))
        #expect(fixture.device.loop.taps.isEmpty)
        #expect(contents(fixture, "a").count <= 4096)
        let file = try CaptureReader(contents(fixture, "a"))
        #expect(file.packets.map(\.bytes) == (0..<3).map { pattern(1000, from: $0) })
        #expect(file.statistics?.received == 3)
        #expect(file.statistics?.dropped == UInt64(lost))
    }

    /// The guest writes packets of 1000 bytes, of which `count` at once reach the capture's file.
    private func write(
        _ total: Int, atOnce count: Int, _ fixture: ControlServerFixture, _ client: HostClient
    ) throws {
        for index in 0..<total {
            try fixture.device.guest.write(pattern(1000, from: index), port: 1)
            try fixture.device.settle()
            if (index + 1).isMultiple(of: count) { try fixture.settle() }
            _ = client.receive()
        }
    }

    @Test("what no file has room for is not kept of a packet", arguments: [1, 3])
    func aPacketLargerThanTheFile(files: Int) throws {
        let (fixture, client, peer) = try scene()
        let capture = try start(peer, ["file": "a", "max-size": 4096, "files": .integer(Int64(files))])
        for _ in 0..<10 { try fixture.device.guest.write(pattern(4000), port: 1) }
        try fixture.settle()
        #expect(client.receive().count == 40_000)
        _ = try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self)
        #expect(contents(fixture, "a").count <= 4096)
        let file = try CaptureReader(contents(fixture, "a"))
        let packet = try #require(file.packets.first)
        #expect(packet.length == 40_000, "they went in one piece")
        #expect(packet.bytes.count > 3500)
        #expect(packet.bytes == Array((0..<10).flatMap { _ in pattern(4000) }.prefix(packet.bytes.count)))
        #expect(file.statistics?.received == 1)
    }

    @Test func aFileHasRoomForThePortsNames() throws {
        let directory = try TemporaryDirectory()
        let ports = (1...20).map { PortConfiguration.port(String(repeating: "n", count: 200) + "\($0)", number: $0) }
        func refusal(_ byteCount: Int) throws -> String? {
            var arguments = CommandArguments(["file": "a", "max-size": .integer(Int64(byteCount))])
            do throws(ControlFailure) {
                _ = try Captures(directory: directory.path).start(&arguments, ports: ports, connection: 1)
                return nil
            } catch {
                return error.desc
            }
        }
        let reason = try #require(try refusal(4096))
        #expect(reason.hasPrefix("'max-size' must be"))
        #expect(directory.names.isEmpty)
        let smallest = try #require(reason.split(separator: " ").compactMap { Int($0) }.first)
        #expect(try refusal(smallest - 1) != nil)
        #expect(try refusal(smallest) == nil)
    }

    @Test func theDaemonsEndIsTheEndOfItsCaptures() throws {
        let (fixture, client, peer) = try scene()
        _ = try start(peer, ["file": "a"])
        _ = try start(peer, ["file": "b"])
        _ = peer.lines()
        try fixture.device.guest.write(pattern(100), port: 1)
        try fixture.device.settle()
        #expect(client.receive() == pattern(100))
        fixture.device.mailbox.finish(.ended)
        let queue = try LogQueue()
        var loop = try ControlLoop(
            signals: SignalFileDescriptor([SIGWINCH]), mailbox: fixture.device.mailbox,
            writer: LogWriter(queue: queue, output: LogOutput(descriptor: -1, journalStream: nil)),
            log: DaemonLogHandler.logger(queue: queue, logLevel: .info))
        try loop.serve(fixture.server)
        #expect(try loop.run() == .success)
        for name in ["a", "b"] {
            let file = try CaptureReader(contents(fixture, name))
            #expect(file.packets.map(\.bytes) == [pattern(100)])
            #expect(file.statistics?.received == 1)
        }
        let events = try peer.lines().map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
        #expect(events.map(\.name) == [.captureStopped, .captureStopped])
        #expect(events.map { $0.data["packets"] } == [1, 1])
        #expect(events.map { $0.data["reason"] } == ["the daemon ends", "the daemon ends"])
    }

    @Test func aStreamGoesToWhoAskedForItAndEndsWithIt() throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let other = try fixture.negotiated()
        _ = try start(peer, ["stream": true])
        try fixture.device.guest.write(pattern(100), port: 1)
        try fixture.settle()
        try fixture.device.guest.write(pattern(100, from: 100), port: 1)
        try fixture.settle()
        let events = try peer.lines().map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
        #expect(events.allSatisfy { $0.name == .captureData })
        let bytes = events.flatMap { event -> [UInt8] in
            guard case .string(let text)? = event.data["data"] else { return [] }
            return Data(base64Encoded: text).map(Array.init) ?? []
        }
        #expect(try CaptureReader(bytes).packets.map(\.bytes) == [pattern(100), pattern(100, from: 100)])
        #expect(other.lines().isEmpty)
        peer.client.close()
        try fixture.settle()
        #expect(fixture.device.loop.taps.isEmpty)
    }

    @Test("who does not read a stream loses packets, which are counted; the port goes on at full speed")
    func slowStream() throws {
        let (fixture, client, peer) = try scene()
        let capture = try start(peer, ["stream": true])
        var sent = 0
        for _ in 0..<2000 {
            try fixture.device.guest.write(pattern(4096), port: 1)
            try fixture.settle()
            sent += client.receive().count
        }
        #expect(sent == 2000 * 4096)
        #expect(!peer.client.isCutOff)
        _ = try peer.allLines()
        let totals = try #require(try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self).return)
        #expect(totals.lost > 0)
        #expect(totals.packets + totals.lost == 2000)
    }

    @Test("a size is a number, or text as in an option", arguments: [4096, "4096", "4K"] as [JSONValue])
    func sizes(size: JSONValue) throws {
        let (fixture, client, peer) = try scene()
        _ = try start(peer, ["file": "a", "max-size": size])
        try write(10, atOnce: 1, fixture, client)
        #expect((3000...4096).contains(contents(fixture, "a").count))
    }

    @Test(
        "what cannot be is refused, and leaves nothing behind",
        arguments: [
            ([:], "one of 'file' and 'stream'"), (["file": "a", "stream": true], "one of 'file' and 'stream'"),
            (["stream": true, "files": 2], "are for a file"), (["file": "../a"], "contains '/'"),
            (["file": "a", "ports": ["x"]], "no port 'x'"),
            (["file": "a", "ports": ["vm.data", "vm.data"]], "stands twice"),
            (["file": "a", "snaplen": .integer(-1)], "expects 0 to"), (["file": "a", "max-size": 1], "expects 4096"),
            (["file": "a", "max-size": "3K"], "expects 4096"), (["file": "a", "max-size": "64X"], "expects 4096"),
            (["file": "a", "max-size": true], "expected: integer"),
            (["file": "control"], "File exists"), (["file": "a", "x": 1], "unexpected"),
        ] as [([String: JSONValue], String)])
    func refused(arguments: [String: JSONValue], reason: String) throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let answer = try peer.execute("capture-start", arguments, as: StartedCapture.self)
        #expect(answer.error?.desc.contains(reason) == true, "\(answer)")
        #expect(contents(fixture, "a").isEmpty)
        #expect(fixture.device.loop.taps.isEmpty)
    }

    @Test("files that are to be put aside must not replace what is there", arguments: ["a.1", "a.2"])
    func aNameThatIsTakenIsRefused(taken: String) throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        try fixture.directory.write([1, 2], to: taken)
        let answer = try peer.execute("capture-start", ["file": "a", "files": 3], as: StartedCapture.self)
        #expect(answer.error?.desc.hasSuffix("\(taken) is there already") == true, "\(answer)")
        #expect(!fixture.directory.names.contains("a"))
        // What is not put aside replaces nothing.
        _ = try start(peer, ["file": "a"])
        #expect(contents(fixture, taken) == [1, 2])
    }

    @Test("no capture puts a file where another one writes", arguments: [("a", "a.2"), ("a.2", "a"), ("a", "a.1")])
    func aNameOfAnotherCaptureIsRefused(first: String, second: String) throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        let capture = try start(peer, ["file": .string(first), "files": 3])
        // Who takes the file away takes the name from nobody.
        unsafe unlink("\(fixture.directory.path)/\(first)")
        let answer = try peer.execute("capture-start", ["file": .string(second), "files": 3], as: StartedCapture.self)
        #expect(answer.error?.desc.contains("is for capture 1") == true, "\(answer)")
        #expect(!fixture.directory.names.contains(second))
        _ = try peer.execute("capture-stop", ["capture": capture], as: CaptureTotals.self)
        _ = try start(peer, ["file": .string(second), "files": 3])
    }

    @Test func thereAreNoMoreThanAFew() throws {
        let (fixture, client, peer) = try scene()
        defer { client.close() }
        for index in 0..<Captures.maximumCount { _ = try start(peer, ["file": .string("f\(index)")]) }
        #expect(
            try peer.execute("capture-start", ["file": "more"], as: StartedCapture.self).error?.desc.contains(
                "stop one")
                == true)
        let status = try peer.execute("query-status", as: DaemonStatus.self).return
        #expect(status?.captures.map(\.file) == ["f0", "f1", "f2", "f3"])
        #expect(fixture.device.loop.taps.count == Captures.maximumCount)
    }
}
