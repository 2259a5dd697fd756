import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Points 3 and 4 of the port contract: the ways in which a client goes, wholly or by half.
@Suite("DeviceLoop: gone clients")
struct DeviceLoopGoneClientsTests {
    /// The order is what counts: whenever the guest learns of the hang-up, it has the bytes already.
    @Test func contract3_bytesOfAGoneClientComeBeforeTheHangUp() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        #expect(fixture.takeControl().last == .open(1, true))
        let bytes = pattern(1000)
        client.send(bytes)
        client.close()
        var received: [UInt8] = []
        for _ in 0..<1000 where received.count < bytes.count {
            #expect(fixture.takeControl() == [])
            try fixture.guest.offerBuffers(port: 1, count: 3, byteCount: 11)
            try fixture.takeTurn()
            // The messages are looked at first: what was told by now must not be ahead of the bytes that are there by
            // now.
            let told = fixture.guest.takeControl()
            received += fixture.guest.read(port: 1)
            #expect(told == [] || received.count == bytes.count)
            guard told.isEmpty else {
                #expect(told == [.open(1, false)])
                expectEqual(received, bytes)
                return
            }
        }
        expectEqual(received, bytes)
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    /// `socat -u FILE UNIX:vm.data`: gone before the guest's program has opened the port.
    @Test func contract3_clientThatLeftBeforeTheGuestOpenedIsHeard() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try HostClient(connectingTo: fixture.address(of: 1))
        client.send(pattern(5000))
        client.close()
        try fixture.settle()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        #expect(fixture.hasClient(1))
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(5000))
        #expect(fixture.takeControl() == [.open(1, false)])
        #expect(!fixture.hasClient(1))
    }

    /// A client that closes with bytes of the guest unread leaves ECONNRESET behind what it sent.
    @Test func contract3_clientThatDidNotReadIsHeardToTheEnd() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        client.send(pattern(3000))
        client.close()
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(3000))
        #expect(fixture.takeControl().suffix(2) == [.open(1, true), .open(1, false)])
        #expect(fixture.counters(1).toHostBytes == 100)
    }

    @Test func contract3_clientThatLeavesWhileTheGuestWritesIsHeardToTheEnd() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        for _ in 0..<10 { try fixture.guest.write(pattern(3000), port: 1) }
        client.send(pattern(2000))
        client.close()
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(2000))
        #expect(fixture.takeControl() == [.open(1, false)])
        #expect(fixture.counters(1).toHostBytes + fixture.counters(1).discardedBytes == 30_000)
    }

    /// EPIPE without a hang-up.
    @Test func contract3_clientThatReadsNoMoreCanStillSend() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        client.endReceiving()
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap().count == 1)
        #expect(fixture.counters(1).discardedBytes == 100)
        #expect(fixture.hasClient(1))
        client.send(pattern(50))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(50))
        #expect(fixture.takeControl() == [])
        client.close()
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    @Test func contract3_withoutLingerAGoneClientKeepsItsBytesForEver() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let first = try fixture.connect(1)
        _ = fixture.takeControl()
        first.send(pattern(10))
        first.close()
        try fixture.settle()
        let second = try fixture.connect(1)
        second.send(pattern(10, from: 10))
        try fixture.guest.write(pattern(5), port: 1)
        #expect(fixture.takeControl() == [])
        #expect(second.receive() == [])
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(20))
        #expect(fixture.takeControl() == [.open(1, false), .open(1, true)])
    }

    @Test func contract3_lingerBoundsTheWait() throws {
        let fixture = try DeviceLoopFixture([.port(lingerNanoseconds: 1)])
        try fixture.boot()
        let client = try fixture.connect(1)
        _ = fixture.takeControl()
        client.send(pattern(10))
        client.close()
        try fixture.settle(until: { !fixture.hasClient(1) })
        #expect(fixture.takeControl() == [.open(1, false)])
        #expect(fixture.lines.contains { $0.contains("10 bytes of the client were not read") })
        let next = try fixture.connect(1)
        next.send(pattern(20))
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(20))
    }

    @Test func contract3_lingerEndsEarlyWhenTheGuestTakesTheBytes() throws {
        let hour: UInt64 = 3600 * 1_000_000_000
        let fixture = try DeviceLoopFixture([.port("a", number: 1, lingerNanoseconds: hour), .port("b", number: 2)])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send(pattern(10))
        client.close()
        try fixture.settle()
        #expect(fixture.client(1)?.lingerDeadline != nil)
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(10))
        #expect(!fixture.hasClient(1))
        let next = try fixture.connect(1)
        #expect(fixture.client(1)?.lingerDeadline == nil)
        next.send(pattern(5))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(5))
    }

    // MARK: Half-closed

    @Test func contract4_halfClosedClientStillReceives() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        client.send(pattern(100))
        client.endSending()
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(100))
        #expect(fixture.takeControl() == [])
        #expect(fixture.hasClient(1))
        for index in 0..<3 {
            try fixture.guest.write(pattern(100, from: index), port: 1)
            try fixture.settle()
            expectEqual(client.receive(), pattern(100, from: index))
        }
        client.close()
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    @Test func contract4_halfCloseBeforeTheGuestOpenedLosesNothing() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send(pattern(100))
        client.endSending()
        try fixture.settle()
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(100))
        try fixture.guest.write(pattern(30), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(30))
        #expect(!client.isAtEnd)
    }

    @Test func contract4_clientThatClosesBothHalvesIsGone() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        client.send(pattern(10))
        client.endSending()
        client.endReceiving()
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(10))
        #expect(fixture.takeControl() == [.open(1, false)])
        #expect(!fixture.hasClient(1))
    }
}
