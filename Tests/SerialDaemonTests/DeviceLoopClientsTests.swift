import Glibc
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Points 2 and 5 of the port contract: no client, one client, two clients.
@Suite("DeviceLoop: clients")
struct DeviceLoopClientsTests {
    typealias Told = TestGuest.Told

    // MARK: Whom the policy does not admit

    @Test func contract5_deniedPeerIsClosedWhenItIsAccepted() throws {
        var port = PortConfiguration.port()
        port.peerPolicy = PeerPolicy(users: [geteuid() &+ 1])
        let fixture = try DeviceLoopFixture([port, .port("vm.ctl", number: 2)])
        try fixture.boot()
        _ = fixture.takeControl()
        let denied = try fixture.connect(1)
        #expect(denied.receive() == [])
        #expect(denied.send([1]) == -1, "closed")
        #expect(fixture.takeControl() == [], "the guest learns nothing")
        #expect(fixture.lines.contains { $0.contains("a client of user \(geteuid()), group \(getegid()) is refused") })
        // Others are served as ever.
        let other = try fixture.connect(2)
        defer { other.close() }
        #expect(fixture.takeControl() == [.open(2, true)])
    }

    @Test func admittedPeerIsAClient() throws {
        var port = PortConfiguration.port()
        port.peerPolicy = PeerPolicy(users: [geteuid()])
        let fixture = try DeviceLoopFixture([port])
        try fixture.boot()
        _ = fixture.takeControl()
        let client = try fixture.connect(1)
        defer { client.close() }
        #expect(fixture.takeControl() == [.open(1, true)])
    }

    // MARK: Without a client

    @Test func contract2_blockTellsTheGuestOfClients() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        #expect(fixture.takeControl() == [.name(1, "vm.data")])
        let client = try fixture.connect(1)
        #expect(fixture.takeControl() == [.open(1, true)])
        client.close()
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    @Test func contract2_blockKeepsChainsInTheRing() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        try fixture.guest.write(Array("first".utf8), port: 1)
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap() == [])
        let client = try fixture.connect(1)
        #expect(client.receive() == Array("first".utf8))
    }

    /// The client reads nothing: what its socket did not take is in the ring when it leaves.
    @Test func contract2_chainsOfAGoneClientAreDiscardedAndCounted() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        for _ in 0..<10 { try fixture.guest.write(pattern(4000), port: 1) }
        try fixture.settle()
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).inFlight.count > 5)
        let taken = fixture.counters(1).toHostBytes
        #expect(taken > 0 && taken < 40_000)

        client.close()
        try fixture.settle()
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).inFlight.isEmpty)
        #expect(fixture.counters(1).toHostBytes == taken)
        #expect(fixture.counters(1).discardedBytes == 40_000 - taken)
        #expect(try fixture.guest.transmitq(1).wasCalled())

        try fixture.guest.write(Array("for the next".utf8), port: 1)
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap() == [])
        let next = try fixture.connect(1)
        #expect(next.receive() == Array("for the next".utf8))
    }

    @Test func contract2_bufferKeepsTheNewestBytes() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .buffer, bufferByteCount: 1000)])
        try fixture.boot()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        for start in stride(from: 0, to: 3000, by: 300) {
            try fixture.guest.write(pattern(300, from: start), port: 1)
        }
        try fixture.settle()
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).inFlight.isEmpty)
        #expect(fixture.counters(1).discardedBytes == 2000)
        let client = try fixture.connect(1)
        expectEqual(client.receive(), pattern(1000, from: 2000))
        try fixture.guest.write(pattern(10, from: 3000), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10, from: 3000))
        client.close()
        // Told once, and never of the end.
        #expect(fixture.takeControl() == [])
    }

    @Test func contract2_discardThrowsAway() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .discard)])
        try fixture.boot()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        try fixture.guest.write(pattern(300), port: 1)
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap().count == 1)
        #expect(fixture.counters(1).discardedBytes == 300)
        let client = try fixture.connect(1)
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10))
        client.close()
        #expect(fixture.takeControl() == [])
    }

    /// Linux writes to a console with interrupts off until the bytes are taken.
    @Test(arguments: [ClientsAbsent.buffer, .discard])
    func contract2_consoleNeverWaitsForASlowClient(absent: ClientsAbsent) throws {
        let fixture = try DeviceLoopFixture([.console(clientsAbsent: absent, bufferByteCount: 5000)])
        try fixture.boot()
        let client = try fixture.connect(0)
        try fixture.shrinkBuffer(port: 0)
        for start in stride(from: 0, to: 100_000, by: 1000) {
            try fixture.guest.write(pattern(1000, from: start), port: 0)
            try fixture.settle()
            fixture.guest.transmitq(0).reap()
            #expect(fixture.guest.transmitq(0).inFlight.isEmpty)
        }
        // What its socket took, then a gap, then what was kept.
        let received = try fixture.readAll(client)
        #expect(UInt64(received.count) + fixture.counters(0).discardedBytes == 100_000)
        let kept = absent == .buffer ? 5000 : 0
        let taken = received.count - kept
        #expect(taken > 0 && taken < 20_000)
        expectEqual(Array(received[..<taken]), pattern(taken))
        expectEqual(Array(received[taken...]), pattern(kept, from: 100_000 - kept))
    }

    @Test func contract2_slowClientOfAnOrdinaryPortHoldsItsWriterBack() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(clientsAbsent: .buffer, bufferByteCount: 100))
        try fixture.shrinkBuffer(port: 1)
        for index in 0..<20 { try fixture.guest.write(pattern(2000, from: 2000 * index), port: 1) }
        try fixture.settle()
        fixture.guest.transmitq(1).reap()
        #expect(!fixture.guest.transmitq(1).inFlight.isEmpty)
        let received = try fixture.readAll(client)
        expectEqual(received, pattern(40_000))
    }

    @Test func chainsForANumberWithoutAPortAreThrownAway() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        try fixture.guest.write([1, 2, 3], port: 2)
        try fixture.settle()
        #expect(fixture.guest.transmitq(2).reap().count == 1)
    }

    // MARK: A second client

    @Test func contract5_secondClientWaitsAndIsNext() throws {
        let (fixture, first) = try DeviceLoopFixture.connected()
        let second = try fixture.connect(1)
        second.send(Array("second".utf8))
        try fixture.guest.write(Array("to the first".utf8), port: 1)
        try fixture.settle()
        #expect(second.receive() == [])
        #expect(!second.isAtEnd)
        #expect(first.receive() == Array("to the first".utf8))
        #expect(fixture.takeControl() == [])

        first.send(Array("first, ".utf8))
        first.close()
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("first, second".utf8))
        #expect(fixture.takeControl() == [.open(1, false), .open(1, true)])
        try fixture.guest.write(Array("to the second".utf8), port: 1)
        try fixture.settle()
        #expect(second.receive() == Array("to the second".utf8))
    }

    @Test func contract5_manyClientsOneAfterTheOther() throws {
        let (fixture, first) = try DeviceLoopFixture.connected()
        var waiting = [first] + (0..<8).compactMap { _ in try? fixture.connect(1) }
        var expected: [UInt8] = []
        var received: [UInt8] = []
        for index in 0..<9 {
            let client = waiting.removeFirst()
            let bytes = pattern(50, from: index * 50)
            client.send(bytes)
            expected += bytes
            client.close()
            try fixture.settle()
            received += fixture.guest.read(port: 1)
            try fixture.guest.offerBuffers(port: 1)
        }
        expectEqual(received, expected)
        #expect(!fixture.hasClient(1))
    }

    // MARK: A client whose socket does not work

    /// The host refuses a call for a reason that is no news from the client: the client goes, ring and port stay.
    /// Chains of no bytes around those that could not be sent are the trap: they are used once too.
    @Test func clientThatCannotBeSentToIsDropped() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        for bytes in [[], pattern(10), []] { queue.write(bytes) }
        try queue.notify()
        try fixture.breakSocket(port: 1)
        try fixture.settle()
        queue.reap()
        #expect(queue.inFlight.isEmpty)
        #expect(fixture.counters(1).discardedBytes == 10)
        #expect(client.isCutOff)
        try expectNextClientIsServed(fixture)
    }

    @Test func clientThatCannotBeReadFromIsDropped() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        _ = fixture.takeControl()
        let queue = fixture.guest.transmitq(1)
        try fixture.breakSocket(port: 1)
        for bytes in [[], pattern(10), []] { queue.write(bytes) }
        try fixture.guest.offerBuffers(port: 1)
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        queue.reap()
        #expect(queue.inFlight.isEmpty)
        #expect(client.isCutOff)
        try expectNextClientIsServed(fixture)
    }

    private func expectNextClientIsServed(_ fixture: DeviceLoopFixture) throws {
        #expect(!fixture.hasClient(1))
        #expect(fixture.lines.contains { $0.contains("the client's socket failed") })
        #expect(fixture.takeControl() == [.open(1, false)])
        let next = try fixture.connect(1)
        try fixture.guest.write(pattern(20), port: 1)
        next.send(pattern(30))
        try fixture.settle()
        expectEqual(next.receive(), pattern(20))
        expectEqual(fixture.guest.read(port: 1), pattern(30))
    }
}
