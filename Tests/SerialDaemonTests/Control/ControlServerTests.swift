import ControlProtocol
import Glibc
import LinuxIO
import Logging
import Testing

@testable import SerialDaemon

@Suite("ControlServer")
struct ControlServerTests {
    // MARK: The language

    @Test func greetsAndNegotiates() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.connect()
        let greeting = try #require(peer.lines().first)
        #expect(greeting.hasPrefix(#"{"QMP":{"capabilities":[],"version":"#))
        let early = try peer.say(#"{"execute":"query-ports"}"#)
        #expect(early.count == 1 && early[0].contains("CommandNotFound") && early[0].contains("qmp_capabilities"))
        #expect(try peer.say(#"{"execute":"qmp_capabilities","id":"a"}"#) == [#"{"id":"a","return":{}}"#])
        #expect(try peer.say(#"{"execute":"qmp_capabilities"}"#)[0].contains("already complete"))
    }

    @Test("every command is known, and answers with a return or an error of its own")
    func commands() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let names = try #require(try peer.execute("query-commands", as: [CommandName].self).return).map(\.name)
        #expect(names == ControlCommand.allCases.map(\.rawValue))
        for name in names where name != "qmp_capabilities" {
            let answer = try peer.say(#"{"execute":"\#(name)","id":7}"#)
            #expect(answer.count == 1, "\(name)")
            #expect(!answer[0].contains("CommandNotFound"), "\(name)")
            #expect(answer[0].contains(#""id":7"#), "\(name)")
        }
    }

    @Test(
        "what makes no sense is answered, and the connection goes on",
        arguments: [
            "x", "[]", "{}", #"{"execute":1}"#, #"{"execute":"nope"}"#, #"{"execute":"query-ports","arguments":[]}"#,
            "\u{0}",
        ])
    func nonsense(text: String) throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let lines = try peer.say(text)
        #expect(lines.count == 1 && lines[0].contains("error"))
        #expect(try peer.execute("query-version", as: ControlVersion.self).return != nil)
    }

    @Test func blankLinesAreNothing() throws {
        let fixture = try ControlServerFixture()
        #expect(try fixture.negotiated().say("\r\n  \n\r").isEmpty)
    }

    @Test("answers come in the order of the commands, also of those that the device must be asked for")
    func order() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let lines = try peer.say(
            (0..<20).map { #"{"execute":"\#($0 % 2 == 0 ? "query-ports" : "query-version")","id":\#($0)}"# }
                .joined(separator: "\n"))
        #expect(lines.count == 20)
        for (index, line) in lines.enumerated() { #expect(line.contains(#""id":\#(index),"#)) }
    }

    @Test func aCommandInPiecesIsOne() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        for byte in #"{"execute":"query-version""#.utf8 {
            peer.client.send([byte])
            try fixture.settle()
            #expect(peer.lines().isEmpty)
        }
        // No line's end: qemu.qmp sends none.
        peer.client.send([UInt8(ascii: "}")])
        try fixture.settle()
        #expect(peer.lines().count == 1)
    }

    @Test(
        "an argument too many, too few or of another kind is an error",
        arguments: [
            ("query-ports", #"{"x":1}"#, "'x' is unexpected"), ("log-level", "{}", "'level' is missing"),
            ("log-level", #"{"level":1}"#, "expected: string"), ("log-level", #"{"level":"loud"}"#, "one of trace"),
            ("port-add", #"{"id":"a","nmae":1}"#, "'nmae' is unexpected"),
            ("port-add", #"{"id":"a/b"}"#, "contains '/'"),
            ("port-add", #"{"id":"a","name":"b"}"#, "'name' is unexpected"),
            ("port-add", #"{"id":"a","nr":1}"#, "nr=1 is given"), ("port-add", #"{"id":"vm.data"}"#, "stands twice"),
            ("port-add", #"{"id":"a","nr":99}"#, "below --max-ports"),
            ("port-add", #"{"id":"a","nr":[]}"#, "expected: string"),
            ("port-add", #"{"id":"a","allow-uids":"root"}"#, "allow-uids=root"),
            ("port-set", #"{"id":"vm.data","nr":2}"#, "'nr' is unexpected"),
            ("port-set", #"{"id":"nope"}"#, "no port 'nope'"),
            ("port-set", #"{"id":"vm.data","cols":2}"#, "only for a console"),
            ("port-set", #"{"id":"vm.data","buffer-size":2}"#, "needs clients-absent=buffer"),
            ("port-remove", #"{"id":"nope"}"#, "no port 'nope'"),
            ("client-disconnect", #"{"id":"vm.data"}"#, "nobody is connected"),
        ])
    func arguments(command: String, arguments: String, expected: String) throws {
        let fixture = try ControlServerFixture()
        let lines = try fixture.negotiated().say(#"{"execute":"\#(command)","arguments":\#(arguments)}"#)
        #expect(lines.count == 1 && lines[0].contains("GenericError") && lines[0].contains(expected), "\(lines)")
        #expect(fixture.catalogue.ports.map(\.name) == ["vm.data"])
    }

    // MARK: Who may

    @Test("another user may only look", arguments: ControlCommand.allCases)
    func looking(command: ControlCommand) throws {
        let fixture = try ControlServerFixture(owner: geteuid() &+ 1)
        let lines = try fixture.negotiated().say(#"{"execute":"\#(command.rawValue)"}"#)
        // Root may do everything, and tests may run as root.
        #expect(lines[0].contains("may only look") == (command.changesSomething && geteuid() != 0))
    }

    @Test("the owner and root may change things, and nobody else", arguments: [0, 7, 8] as [UInt32])
    func rights(user: UInt32) {
        #expect(ControlServer.mayChange(user: user, owner: 7) == (user != 8))
    }

    // MARK: Bounds

    @Test func aCommandWithoutEndEndsTheConnection() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let other = try fixture.negotiated()
        for _ in 0..<20 {
            peer.client.send([UInt8](repeating: UInt8(ascii: "{"), count: 8192))
            try fixture.settle()
        }
        #expect(peer.client.isAtEnd)
        #expect(fixture.lines.contains { $0.contains("without end") })
        #expect(try other.execute("query-version", as: ControlVersion.self).return != nil)
    }

    @Test("one that does not read is disconnected at its bound, and nobody else notices")
    func slowReader() throws {
        let fixture = try ControlServerFixture()
        let slow = try fixture.negotiated()
        let quick = try fixture.negotiated()
        var rounds = 0
        while !slow.client.isCutOff, rounds < 10_000 {
            slow.client.send(Array((#"{"execute":"query-metrics"}"# + "\n").utf8))
            try fixture.settle()
            #expect(try quick.execute("query-version", as: ControlVersion.self).return != nil)
            rounds += 1
        }
        #expect(slow.client.isCutOff)
        #expect(fixture.lines.contains { $0.contains("does not read") })
    }

    @Test("who sends no more, and reads slowly, gets every answer whole")
    func halfClosed() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        for connection in fixture.server.connections.values { setSmallSendBuffer(connection.descriptor) }
        let request = #"{"execute":"query-metrics"}"#
        peer.client.send(Array(String(repeating: request, count: 8).utf8))
        peer.client.endSending()
        try fixture.settle()
        let lines = try peer.allLines()
        #expect(lines.count == 8)
        #expect(lines.allSatisfy { $0.hasSuffix("}") })
        #expect(peer.client.isAtEnd)
        #expect(fixture.server.connections.isEmpty)
    }

    @Test func whoSendsNoMoreAndLeavesWithoutReadingIsForgotten() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        for connection in fixture.server.connections.values { setSmallSendBuffer(connection.descriptor) }
        peer.client.send(Array(#"{"execute":"query-metrics"}{"execute":"query-metrics"}"#.utf8))
        peer.client.endSending()
        try fixture.settle()
        #expect(fixture.server.connections.count == 1)
        peer.client.close()
        try fixture.settle()
        #expect(fixture.server.connections.isEmpty)
    }

    @Test("what would be dear to decode is refused, and a list of every port there can be is not")
    func modesty() throws {
        func isModest(_ text: String) -> Bool { ControlServer.isModest(JSONShape(of: text.utf8)) }
        let names = (0..<127).map { #""port.\#($0)""# }.joined(separator: ",")
        #expect(isModest(#"{"execute":"capture-start","arguments":{"ports":[\#(names)],"stream":true}}"#))
        let objects = Array(repeating: "{}", count: 512).joined(separator: ",")
        #expect(!isModest(#"{"execute":"query-version","id":[\#(objects)]}"#))
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(isModest(#"{"id":\#(nested(7))}"#))
        #expect(!isModest(#"{"id":\#(nested(8))}"#))
    }

    @Test func whatWouldBeDearToDecodeIsAnswered() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let objects = Array(repeating: "{}", count: 512).joined(separator: ",")
        let lines = try peer.say(#"{"execute":"query-version","id":[\#(objects)]}"#)
        #expect(lines.count == 1 && lines[0].contains("at most 8 levels and 1024"))
        #expect(try peer.execute("query-version", as: ControlVersion.self).return != nil)
    }

    @Test("those who may only look leave room for the others")
    func room() {
        func hasRoom(_ mayChange: Bool, lookers: Int, others: Int) -> Bool {
            let connected = Array(repeating: false, count: lookers) + Array(repeating: true, count: others)
            return ControlServer.hasRoom(forOneWhoMayChange: mayChange, among: connected)
        }
        #expect(hasRoom(false, lookers: 11, others: 0))
        #expect(!hasRoom(false, lookers: 12, others: 0))
        #expect(hasRoom(true, lookers: 12, others: 3))
        #expect(!hasRoom(true, lookers: 12, others: 4))
        #expect(hasRoom(true, lookers: 0, others: 15))
        #expect(hasRoom(false, lookers: 0, others: 15))
        #expect(!hasRoom(true, lookers: 0, others: 16))
    }

    @Test func oneConnectionTooManyIsToldSoAndClosed() throws {
        let fixture = try ControlServerFixture()
        let peers = try (0..<ControlServer.maximumConnectionCount).map { _ in try fixture.negotiated() }
        let late = try fixture.connect()
        #expect(late.lines() == [#"{"error":{"class":"GenericError","desc":"too many programs are connected: 16"}}"#])
        #expect(late.client.isAtEnd)
        peers[3].client.close()
        try fixture.settle()
        #expect(try fixture.connect().lines().count == 1)
    }

    @Test func aProgramThatLeavesWithACommandUnderWayHasHadItDone() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        peer.client.send(Array((#"{"execute":"port-remove","arguments":{"id":"vm.data"}}"# + "\n").utf8))
        try fixture.server.serve()
        peer.client.close()
        try fixture.settle()
        #expect(try fixture.device.status(of: 1) == nil)
        #expect(fixture.catalogue.ports.isEmpty)
    }

    @Test func whatAProgramThatHasLeftWasToBeAnsweredStandsInTheBooks() throws {
        let fixture = try ControlServerFixture()
        let (peer, other) = (try fixture.negotiated(), try fixture.negotiated())
        let path = try #require(try peer.execute("port-add", ["id": "new"], as: AddedPort.self).return).path
        peer.client.send(Array((#"{"execute":"port-remove","arguments":{"id":"new"}}"# + "\n").utf8))
        try fixture.server.serve()
        peer.client.close()
        try fixture.settle()
        #expect(!exists(path), "its socket is removed")
        #expect(try other.execute("port-add", ["id": "new"], as: AddedPort.self).return?.number == 2)
    }

    @Test("what a program has sent before it was greeted is done, though nobody reads the answers")
    func earlyLeaver() throws {
        let fixture = try ControlServerFixture()
        let client = try HostClient(connectingTo: fixture.address)
        client.send(Array(#"{"execute":"qmp_capabilities"}"#.utf8))
        client.send(Array(#"{"execute":"port-remove","arguments":{"id":"vm.data"}}"#.utf8))
        client.close()
        try fixture.settle()
        #expect(fixture.catalogue.ports.isEmpty)
        #expect(fixture.server.connections.isEmpty)
    }

    // MARK: Events

    @Test func eventsComeAfterNegotiationToEverybody() throws {
        let fixture = try ControlServerFixture()
        let silent = try fixture.connect()
        _ = silent.lines()
        let peers = [try fixture.negotiated(), try fixture.negotiated()]
        let client = try fixture.device.connect(1)
        try fixture.settle()
        for peer in peers {
            let events = try peer.lines().map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
            #expect(events.map(\.name) == [.clientConnected])
            #expect(events[0].data["id"] == "vm.data")
            #expect(events[0].data["pid"] == .integer(Int64(getpid())))
            #expect(events[0].timestamp.seconds > 1_700_000_000)
        }
        #expect(silent.lines().isEmpty)
        client.close()
    }

    @Test func aFloodOfEventsIsCountedAndBounded() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        for _ in 0..<DeviceReports.eventCapacity + 5 { fixture.device.mailbox.report(.guestReady) }
        try fixture.settle()
        let events = try peer.allLines().map { try ControlCoding.decode(ControlEvent.self, from: $0.utf8) }
        #expect(events.count == DeviceReports.eventCapacity + 1)
        #expect(events.last?.name == .eventsLost)
        #expect(events.last?.data == ["count": 5])
    }

    // MARK: What commands do

    @Test func aPortIsAddedServedAndRemoved() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let added = try #require(
            try peer.execute("port-add", ["id": "new", "clients-absent": "discard"], as: AddedPort.self).return)
        #expect(added.number == 2)
        #expect(exists(added.path))
        let client = try HostClient(connectingTo: try UnixAddress(added.path))
        try fixture.settle()
        #expect(try fixture.device.status(of: 2)?.clients.count == 1)
        #expect(try peer.execute("port-remove", ["id": "new"]).error == nil)
        #expect(client.isAtEnd)
        #expect(!exists(added.path), "its socket is removed")
        #expect(try peer.execute("port-add", ["id": "new", "nr": 2], as: AddedPort.self).return?.number == 2)
        fixture.catalogue.removeFiles()
        #expect(!exists(added.path))
    }

    @Test func whatIsAtThePathAlreadyStays() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        let other = try #require(fixture.device.configuration.ports.first).endpoint.description
        let answer = try peer.execute("port-add", ["id": "new", "path": .string(other)], as: AddedPort.self)
        #expect(answer.error?.desc.contains("vm.data") == true)
        // A dead one's socket, too: there is no telling it from one that lives.
        let stale = fixture.device.configuration.socketDirectory.map { $0 + "/stale" } ?? ""
        do { _ = try UnixListener.bind(to: .path(stale), mode: 0o600) }
        let refused = try peer.execute("port-add", ["id": "stale"], as: AddedPort.self)
        #expect(refused.error?.desc.contains("stale is there already") == true, "\(refused)")
        #expect(exists(stale))
    }

    @Test func aSettingIsChangedAndKept() throws {
        let fixture = try ControlServerFixture()
        let peer = try fixture.negotiated()
        #expect(
            try peer.execute("port-set", ["id": "vm.data", "clients-absent": "buffer", "linger": .number(0.5)]).error
                == nil)
        #expect(try peer.execute("port-set", ["id": "vm.data", "buffer-size": "1K"]).error == nil)
        let settings = try fixture.device.status(of: 1)?.settings
        #expect(
            settings
                == PortSettings(
                    clientsAbsent: "buffer", bufferSize: 1024, guestClose: "keep", linger: 0.5, columns: nil, rows: nil)
        )
    }

    @Test func twoChangesAtOnceAreBothKept() throws {
        let fixture = try ControlServerFixture()
        let peers = [try fixture.negotiated(), try fixture.negotiated()]
        for (peer, change) in zip(peers, [#""rate":"1M""#, #""linger":2"#]) {
            peer.client.send(Array(#"{"execute":"port-set","arguments":{"id":"vm.data",\#(change)}}"#.utf8))
        }
        try fixture.settle()
        for peer in peers { #expect(peer.lines() == [#"{"return":{}}"#]) }
        let settings = try #require(try fixture.device.status(of: 1)).settings
        #expect(settings.rate == 1 << 20)
        #expect(settings.linger == 2)
    }

    @Test func theLogsLevelChanges() throws {
        let fixture = try ControlServerFixture()
        #expect(try fixture.negotiated().execute("log-level", ["level": "trace"]).error == nil)
        #expect(fixture.threshold.level == .trace)
    }

    @Test func statusAndMetricsAnswer() throws {
        let fixture = try ControlServerFixture()
        try fixture.device.boot()
        let peer = try fixture.negotiated()
        let status = try #require(try peer.execute("query-status", as: DaemonStatus.self).return)
        #expect(status.pid == getpid())
        #expect(status.maxPorts == 3)
        #expect(status.guest.driverReady)
        #expect(status.frontend?.pid == getpid())
        let text = try #require(try peer.execute("query-metrics", as: MetricsText.self).return).text
        #expect(text.contains("vhost_user_serial_guest_ready 1\n"))
        #expect(text.contains(#"vhost_user_serial_port_guest_open{port="vm.data"} 0"#))
    }

    @Test func shutdownIsAskedFor() throws {
        let fixture = try ControlServerFixture()
        #expect(!fixture.server.wantsShutdown)
        #expect(try fixture.negotiated().execute("system-shutdown").error == nil)
        #expect(fixture.server.wantsShutdown)
    }
}

/// Whether there is a file.
private func exists(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0
}
