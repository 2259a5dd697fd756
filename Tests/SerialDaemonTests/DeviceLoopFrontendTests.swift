import BasicContainers
import LinuxIO
import Logging
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// The front-end: coming, going, and what it does wrong. The connection is closed only when framing is lost.
@Suite("DeviceLoop: front-end")
struct DeviceLoopFrontendTests {
    // MARK: One after the other

    @Test func clientsOutliveFrontends() throws {
        let fixture = try DeviceLoopFixture([.port()])
        let client = try fixture.connect(1)
        for round in 0..<3 {
            try fixture.boot()
            #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
            client.send(pattern(10, from: round))
            try fixture.guest.write(pattern(20, from: round), port: 1)
            try fixture.open(1)
            expectEqual(fixture.guest.read(port: 1), pattern(10, from: round))
            expectEqual(client.receive(), pattern(20, from: round))
            try fixture.disconnectFrontend()
            #expect(fixture.runningCount == 0)
            #expect(!client.isAtEnd)
            fixture.guest.reset()
            fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
            try fixture.connectFrontend()
        }
        #expect(fixture.hasClient(1))
    }

    @Test func halfSentChainDiesWithItsFrontend() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        try fixture.guest.write(pattern(20_000), port: 1)
        try fixture.settle()
        let taken = client.unreadByteCount
        try fixture.disconnectFrontend()
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.connectFrontend()
        try fixture.boot()
        expectEqual(client.receive(), pattern(taken))
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10))
    }

    @Test func secondFrontendIsRefused() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let first = fixture.frontend
        let second = try fixture.connectFrontend()
        #expect(!second.isQuiet)
        #expect(throws: FakeFrontend.Failure.closed) { try second.wire.receive() }
        #expect(fixture.lines.contains { $0.contains("a second front-end") })
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(client.receive() == [1])
        #expect(first.isQuiet)
    }

    /// Nothing of a front-end is kept: no descriptor, no mapping of its memory.
    @Test func goneFrontendLeavesNothingBehind() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        let backend = try UnixStream.pair()
        let far = backend.second.rawValue
        try fixture.demand(.setBackendReqFd(far))
        let descriptors = [
            queue.kick.rawValue, queue.call.rawValue, queue.error.rawValue, far, fixture.guest.memory.file.rawValue,
        ]
        // The memory is mapped, and its file closed again.
        #expect(descriptors.map(openCount(of:)) == [2, 2, 2, 2, 1])
        #expect(mappingCount(of: fixture.guest.memory.file.rawValue) == 2)
        try fixture.disconnectFrontend()
        #expect(descriptors.map(openCount(of:)) == [1, 1, 1, 1, 1])
        #expect(mappingCount(of: fixture.guest.memory.file.rawValue) == 1)
        _ = consume backend
        // A kick that its owner still signals wakes nobody.
        try queue.kick.signal()
        #expect(try !fixture.takeTurn())
        #expect(!client.isAtEnd)
    }

    /// `wait=on`: QEMU hangs in its first request, and the VM does not start.
    @Test func aFrontendWaitsForTheFirstClients() throws {
        var ports: [PortConfiguration] = [.port(), .port("vm.ctl", number: 2), .port("vm.any", number: 0)]
        ports[0].waitsForClient = true
        ports[1].waitsForClient = true
        let fixture = try DeviceLoopFixture(ports)
        try fixture.frontend.wire.send(.getFeatures)
        try fixture.settle()
        #expect(fixture.frontend.isQuiet)
        let first = try fixture.connect(1)
        let other = try fixture.connect(0)
        #expect(fixture.frontend.isQuiet)
        let second = try fixture.connect(2)
        #expect(!fixture.frontend.isQuiet)
        // The first ones only: a client that leaves stops nobody.
        first.close()
        try fixture.settle()
        drop(second)
        drop(other)
    }

    @Test func inheritedConnectionThatEndsEndsTheLoop() throws {
        let mailbox = try DeviceMailbox()
        let sockets = makeSocketPair()
        let configuration = DaemonConfiguration(
            frontend: .inherited(sockets.second), maxPorts: 1, ports: [], logLevel: .debug)
        let queue = try LogQueue()
        let loop = try DeviceLoop.make(
            configuration: configuration,
            frontend: .connection(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.second))),
            bindings: .init(),
            mailbox: mailbox, log: DaemonLogHandler.logger(queue: queue, logLevel: .debug))
        let frontend = FrontendEnd(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.first)))
        frontend.wire.close()
        try loop.run()
        #expect(queue.take().lines.contains { $0.text == "front-end disconnected" })
    }

    @Test func shutdownEndsTheLoopAndSaysWhatIsLeft() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .buffer)])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send(pattern(7))
        client.close()
        try fixture.settle()
        try fixture.guest.write(pattern(9), port: 1)
        try fixture.settle()
        fixture.mailbox.send(.shutdown)
        try fixture.takeTurn()
        fixture.logUndelivered()
        #expect(fixture.lines.contains { $0.contains("7 bytes of the client have not been read") })
        #expect(fixture.lines.contains { $0.contains("9 bytes of the guest were kept for a client") })
    }

    // MARK: Messages

    @Test func ringsThatTheDeviceDoesNotHaveAreAnsweredFor() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let event = try EventFileDescriptor()
        for index in 0..<256 as Range<UInt64> where index >= fixture.guest.queues.count {
            let number = UInt32(index)
            for message in [
                .setVringNum(number, 64), .setVringBase(number, 5),
                .setVringAddr(number, descriptors: 0, used: 0, available: 0),
                .setVringKick(index, event.rawValue), .setVringCall(index, event.rawValue),
                .setVringErr(index, event.rawValue),
                .setVringEnable(number, 1),
            ] as [FakeMessage] { try fixture.demand(message) }
            #expect(try fixture.say(.getVringBase(number))?.payload == pack(number) + pack(UInt32(5)))
        }
        #expect(try fixture.say(.getVringBase(256))?.payload == pack(UInt32(256)) + pack(UInt32(0)))
        try event.signal()
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(client.receive() == [1])
    }

    @Test func tooFewQueuesAreNamedOnce() throws {
        let fixture = try DeviceLoopFixture([.port()], maxPorts: 31)
        let event = try EventFileDescriptor()
        try fixture.say(.setProtocolFeatures(DeviceLoopFixture.protocolFeatures))
        for index in 0..<6 as Range<UInt64> { try fixture.demand(.setVringCall(index, event.rawValue)) }
        for _ in 0..<3 { #expect(try fixture.say(.getConfig(offset: 0, byteCount: 12)) != nil) }
        #expect(fixture.lines.count { $0.contains("QEMU has num_vqs=6; --max-ports 31 needs 64") } == 1)
    }

    @Test func enoughQueuesAreNotWorthALine() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        #expect(!fixture.lines.contains { $0.contains("num_vqs") })
    }

    @Test func missingSharedMemoryIsNamed() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        try fixture.startRings()
        #expect(fixture.runningCount == 0)
        #expect(fixture.lines.contains { $0.contains("memory-backend-memfd") && $0.contains("share=on") })
        // It comes after all.
        try fixture.shareMemory()
        #expect(fixture.runningCount == fixture.guest.queues.count)
    }

    @Test func lostFramingClosesTheConnectionAndNothingElse() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        var message = FakeMessage(1)
        message.announcedByteCount = 1 << 30
        try fixture.frontend.wire.send(message)
        try fixture.settle()
        #expect(throws: FakeFrontend.Failure.closed) { try fixture.frontend.wire.receive() }
        #expect(fixture.runningCount == 0)
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.connectFrontend()
        try fixture.boot()
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(client.receive() == [1])
    }

    /// A front-end that does not read its answers is not read from, and costs no turn.
    @Test func frontendThatDoesNotReadIsNotReadFrom() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        fixture.shrinkFrontendBuffer()
        var asked = 0
        while asked < 10_000, (try? fixture.frontend.wire.send(.getConfig(offset: 0, byteCount: 12))) != nil {
            asked += 1
            try fixture.settle()
        }
        #expect(asked < 10_000)
        #expect(try !fixture.takeTurn())
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(client.receive() == [1])
        for _ in 0..<asked {
            if fixture.frontend.isQuiet { try fixture.settle() }
            #expect(try fixture.frontend.wire.receive().payload.count == 24)
        }
        #expect(fixture.frontend.isQuiet)
    }
}
