import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Points 1 and 6 of the port contract: a byte accepted is a byte delivered, in order, once; nothing is pushed into a
/// closed port.
@Suite("DeviceLoop: bytes")
struct DeviceLoopPortsTests {
    private static let withoutEventIndex = DeviceLoopFixture.features & ~DeviceLoopFixture.eventIndex

    @Test func contract1_bytesArriveBothWays() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.guest.write(Array("hello".utf8), port: 1)
        try fixture.settle()
        #expect(client.receive() == Array("hello".utf8))
        #expect(fixture.guest.transmitq(1).reap().count == 1)
        #expect(try fixture.guest.transmitq(1).wasCalled())
        client.send(Array("world".utf8))
        try fixture.settle()
        #expect(try fixture.guest.receiveq(1).wasCalled())
        #expect(fixture.guest.read(port: 1) == Array("world".utf8))
        #expect(fixture.counters(1).toHostBytes == 5)
        #expect(fixture.counters(1).toGuestBytes == 5)
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    /// Random chains against a client whose socket takes a few KiB at a time, so that most sends are cut in the middle
    /// of a chain.
    @Test(arguments: 1...6 as ClosedRange<UInt64>, [DeviceLoopFixture.features, withoutEventIndex])
    func contract1_randomChainsReachASlowClientInOrder(seed: UInt64, features: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (fixture, client) = try DeviceLoopFixture.connected(features: features)
        try fixture.shrinkBuffer(port: 1)
        let queue = fixture.guest.transmitq(1)
        var written: [UInt8] = []
        var received: [UInt8] = []
        for _ in 0..<150 {
            for _ in 0..<Int.random(in: 0...4, using: &random) where queue.freeDescriptorCount >= 4 {
                let pieces = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                    let bytes = pattern(Int.random(in: 0...1500, using: &random), from: written.count)
                    written += bytes
                    return bytes
                }
                Bool.random(using: &random) ? queue.write(pieces: pieces) : queue.writeIndirect(pieces)
            }
            try queue.notify()
            try fixture.settle()
            queue.reap()
            // A chain is used only when all its bytes are in the client's socket.
            let unused = queue.unusedByteCount
            #expect(written.count - unused <= received.count + client.unreadByteCount)
            received += client.receive(atMost: Int.random(in: 0...6000, using: &random))
        }
        while received.count < written.count {
            try fixture.settle()
            let more = client.receive()
            try #require(!more.isEmpty, "\(written.count - received.count) bytes are missing")
            received += more
        }
        expectEqual(received, written)
        try fixture.settle()
        queue.reap()
        #expect(queue.inFlight.isEmpty)
        #expect(fixture.counters(1).toHostBytes == UInt64(written.count))
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    /// Receive buffers of no bytes and of a few, in chains of up to three.
    @Test(arguments: 1...6 as ClosedRange<UInt64>, [DeviceLoopFixture.features, withoutEventIndex])
    func contract1_randomSendsReachTinyBuffersInOrder(seed: UInt64, features: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try DeviceLoopFixture([.port()], features: features)
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        let queue = fixture.guest.receiveq(1)
        var sent: [UInt8] = []
        var received: [UInt8] = []
        for _ in 0..<300 {
            let bytes = pattern(Int.random(in: 0...100, using: &random), from: sent.count)
            sent += bytes[..<client.send(bytes)]
            for _ in 0..<Int.random(in: 0...20, using: &random) where queue.freeDescriptorCount >= 3 {
                queue.offer(
                    (0..<Int.random(in: 1...3, using: &random)).map { _ in Int.random(in: 0...8, using: &random) })
            }
            try queue.notify()
            try fixture.settle()
            received += fixture.guest.read(port: 1)
            #expect(received.count <= sent.count)
        }
        while received.count < sent.count {
            try fixture.guest.offerBuffers(port: 1, byteCount: 8)
            try fixture.settle()
            let more = fixture.guest.read(port: 1)
            try #require(!more.isEmpty, "\(sent.count - received.count) bytes are missing")
            received += more
        }
        expectEqual(received, sent)
        #expect(fixture.counters(1).toGuestBytes == UInt64(sent.count))
    }

    @Test func contract1_chainOfMorePiecesThanACallTakesArrivesWhole() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 2048)
        try fixture.boot()
        let client = try fixture.connect(1)
        let bytes = pattern(2000)
        fixture.guest.transmitq(1).write(pieces: bytes.map { [$0] })
        try fixture.guest.transmitq(1).notify()
        try fixture.settle()
        expectEqual(client.receive(), bytes)
        #expect(fixture.guest.transmitq(1).reap().count == 1)
        fixture.guest.receiveq(1).offer(Array(repeating: 1, count: 2000))
        try fixture.guest.sendOpen(1)
        client.send(bytes)
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), Array(bytes[..<1024]))
        fixture.guest.receiveq(1).offer(2000)
        try fixture.guest.receiveq(1).notify()
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), Array(bytes[1024...]))
    }

    @Test func contract1_bytesThrownAwayAreAllCounted() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .discard)], ringSize: 2048)
        try fixture.boot()
        fixture.guest.transmitq(1).write(pieces: pattern(2000).map { [$0] })
        try fixture.guest.transmitq(1).notify()
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap().count == 1)
        #expect(fixture.counters(1).discardedBytes == 2000)
    }

    /// Two ports that have nothing to do with each other, at the same time.
    @Test func contract1_portsDoNotMix() throws {
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)])
        try fixture.boot()
        let (a, b) = (try fixture.connect(1), try fixture.connect(2))
        for port in 1...2 {
            try fixture.open(port)
            try fixture.guest.write(pattern(1000, from: port * 5000), port: port)
        }
        a.send(pattern(500, from: 50))
        b.send(pattern(500, from: 70))
        try fixture.settle()
        expectEqual(a.receive(), pattern(1000, from: 5000))
        expectEqual(b.receive(), pattern(1000, from: 10000))
        expectEqual(fixture.guest.read(port: 1), pattern(500, from: 50))
        expectEqual(fixture.guest.read(port: 2), pattern(500, from: 70))
    }

    // MARK: A closed port

    @Test func contract6_bytesForAClosedPortStayInTheSocket() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.offerBuffers(port: 1)
        client.send(Array("early".utf8))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("early".utf8))

        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        client.send(Array("between".utf8))
        try fixture.guest.offerBuffers(port: 1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        try fixture.guest.sendOpen(1)
        client.send(Array(" and later".utf8))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("between and later".utf8))
    }

    @Test func contract6_portClosedInTheSameTurnGetsNothing() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.offerBuffers(port: 1)
        client.send([1, 2, 3])
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
    }

    @Test func contract6_writersAreHeldBackByAClosedPort() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.shrinkSendBuffer()
        try fixture.guest.offerBuffers(port: 1)
        let bytes = pattern(100_000)
        let taken = client.send(bytes)
        #expect(taken < 10_000)
        try fixture.settle()
        #expect(client.send(Array(bytes[taken...])) == 0)
        try fixture.guest.sendOpen(1)
        var sent = taken
        var received: [UInt8] = []
        while received.count < bytes.count {
            try fixture.settle()
            received += fixture.guest.read(port: 1)
            try fixture.guest.offerBuffers(port: 1)
            sent += client.send(Array(bytes[sent...]))
        }
        expectEqual(received, bytes)
    }
}
