import ControlProtocol
import FoundationEssentials
import Testing

@testable import SerialDaemon

@Suite("ControlServer's captures")
struct ControlServerCapturesTests {
    /// A guest that has port 1 open, and a client at it.
    private func scene() throws -> (fixture: ControlServerFixture, client: HostClient) {
        let fixture = try ControlServerFixture()
        try fixture.device.boot()
        let client = try fixture.device.connect(1)
        try fixture.device.open(1)
        return (fixture, client)
    }

    private func start(_ peer: ControlPeer, _ arguments: [String: JSONValue]) throws -> JSONValue {
        let answer = try peer.execute("capture-start", arguments, as: StartedCapture.self)
        return .integer(Int64(try #require(answer.return, "\(String(describing: answer.error))").capture))
    }

    /// Sends a command that nobody has answered yet.
    private func ask(_ peer: ControlPeer, _ command: String, _ arguments: [String: JSONValue]) throws {
        peer.client.send(try ControlCoding.encode(ControlRequest(execute: command, arguments: arguments, id: 1)))
    }

    private func events(_ lines: [String]) throws -> [ControlEvent] {
        try lines.filter { $0.contains(#""event":"#) }
            .map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
    }

    /// The file that the pieces of a stream make.
    private func capture(_ events: [ControlEvent]) throws -> CaptureReader {
        try CaptureReader(
            events.filter { $0.name == .captureData }.flatMap { event -> [UInt8] in
                guard case .string(let text)? = event.data["data"] else { return [] }
                return Data(base64Encoded: text).map(Array.init) ?? []
            })
    }

    // MARK: A stream that is stopped

    @Test func aStreamThatSomebodyElseStopsGetsTheRestAndIsTold() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let (peer, other) = (try fixture.negotiated(), try fixture.negotiated())
        let number = try start(peer, ["stream": true])
        try fixture.device.guest.write(pattern(100), port: 1)
        try fixture.settle()
        try fixture.device.guest.write(pattern(100, from: 100), port: 1)
        // The server has not yet looked at the second one.
        try fixture.device.settle()
        let totals = try #require(
            try other.execute("capture-stop", ["capture": number], as: CaptureTotals.self).return)
        let events = try events(peer.lines())
        let end = try #require(events.last)
        #expect(end.name == .captureStopped)
        #expect(end.data["capture"] == number)
        #expect(end.data["reason"] == "by capture-stop")
        #expect(end.data["packets"] == 2)
        #expect(totals.packets == 2)
        #expect(totals.lost == 0)
        let file = try capture(events)
        #expect(file.packets.map(\.bytes) == [pattern(100), pattern(100, from: 100)])
        #expect(file.statistics?.received == 2)
        #expect(file.statistics?.dropped == 0)
        #expect(fixture.device.loop.taps.isEmpty)
    }

    @Test("the answer to capture-stop comes behind the stream's own end")
    func orderOfTheEnd() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let peer = try fixture.negotiated()
        let number = try start(peer, ["stream": true])
        try ask(peer, "capture-stop", ["capture": number])
        try fixture.settle()
        let lines = peer.lines()
        #expect(try events(lines).map(\.name) == [.captureData, .captureStopped])
        #expect(lines.last?.contains(#""return""#) == true)
    }

    @Test("who does not read a stream gets its numbers, and what was not sent is lost and not counted as a packet")
    func slowReader() throws {
        let (fixture, client) = try scene()
        let (peer, other) = (try fixture.negotiated(), try fixture.negotiated())
        let number = try start(peer, ["stream": true])
        for _ in 0..<1000 {
            try fixture.device.guest.write(pattern(4096), port: 1)
            try fixture.settle()
            _ = client.receive()
        }
        let totals = try #require(
            try other.execute("capture-stop", ["capture": number], as: CaptureTotals.self).return)
        #expect(!peer.client.isCutOff)
        let events = try events(try peer.allLines())
        let file = try capture(events)
        #expect(totals.lost > 0)
        #expect(totals.packets + totals.lost == 1000)
        #expect(UInt64(file.packets.count) == totals.packets)
        #expect(file.statistics?.received == totals.packets)
        #expect(file.statistics?.dropped == totals.lost)
        #expect(events.last?.name == .captureStopped)
    }

    @Test func ofTwoWhoStopACaptureOneIsToldThatItIsGone() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let peers = [try fixture.negotiated(), try fixture.negotiated()]
        let streamer = try fixture.negotiated()
        let number = try start(streamer, ["stream": true])
        for peer in peers { try ask(peer, "capture-stop", ["capture": number]) }
        try fixture.settle()
        let answers = peers.map { $0.lines() }.joined().filter { !$0.contains(#""event":"#) }
        #expect(answers.filter { $0.contains(#""return""#) }.count == 1)
        #expect(answers.filter { $0.contains("there is no capture 1") }.count == 1)
        #expect(try events(streamer.lines()).map(\.name) == [.captureData, .captureStopped])
    }

    // MARK: Programs that leave

    @Test func aCaptureWhoseProgramHasLeftBeforeTheAnswerRunsAndCanBeStopped() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let (peer, other) = (try fixture.negotiated(), try fixture.negotiated())
        try ask(peer, "capture-start", ["file": "a"])
        try fixture.server.serve()
        peer.client.close()
        try fixture.settle()
        let status = try #require(try other.execute("query-status", as: DaemonStatus.self).return)
        #expect(status.captures.map(\.file) == ["a"])
        try fixture.device.guest.write([1], port: 1)
        try fixture.settle()
        let totals = try other.execute("capture-stop", ["capture": 1], as: CaptureTotals.self).return
        #expect(totals?.packets == 1)
        #expect(fixture.device.loop.taps.isEmpty)
    }

    @Test func aStreamWhoseProgramHasLeftBeforeTheAnswerEnds() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let peer = try fixture.negotiated()
        try ask(peer, "capture-start", ["stream": true])
        try fixture.server.serve()
        peer.client.close()
        try fixture.settle()
        #expect(fixture.device.loop.taps.isEmpty)
        let captures = try fixture.negotiated().execute("query-status", as: DaemonStatus.self).return?.captures
        #expect(captures?.isEmpty == true)
    }

    @Test func capturesThatAreJustStartingCountToo() throws {
        let (fixture, client) = try scene()
        defer { client.close() }
        let peers = try (0...Captures.maximumCount).map { _ in try fixture.negotiated() }
        for peer in peers { try ask(peer, "capture-start", ["stream": true]) }
        try fixture.settle()
        #expect(peers.map { $0.lines() }.joined().filter { $0.contains("stop one") }.count == 1)
        #expect(fixture.device.loop.taps.count == Captures.maximumCount)
    }
}
