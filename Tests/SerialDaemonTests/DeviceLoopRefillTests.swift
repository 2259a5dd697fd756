import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Guests that give their receive buffers back: kicked for many, and never for ever.
@Suite("DeviceLoop: refill")
struct DeviceLoopRefillTests {
    private static let size = 256

    /// A guest that has offered `count` buffers and got them all filled; the client has more.
    private func drained(
        _ count: Int, features: UInt64 = DeviceLoopFixture.features, patience: UInt64? = nil
    ) throws -> (DeviceLoopFixture, HostClient) {
        let fixture = try DeviceLoopFixture([.port()], features: features)
        if let patience { fixture.loop.refillNanoseconds = patience }
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        try fixture.guest.offerBuffers(port: 1, count: count, byteCount: Self.size)
        client.send(pattern(100_000))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(count * Self.size))
        return (fixture, client)
    }

    @Test func guestKicksForHalfOfItsBuffers() throws {
        let (fixture, client) = try drained(32, patience: .max / 4)
        let queue = fixture.guest.receiveq(1)
        _ = try queue.kick.drain()
        for _ in 0..<15 { try fixture.guest.offerBuffers(port: 1, count: 1, byteCount: Self.size) }
        #expect(try !queue.kick.drain(), "fifteen of sixteen: no kick")
        #expect(try !fixture.takeTurn())
        #expect(fixture.guest.read(port: 1).isEmpty)
        try fixture.guest.offerBuffers(port: 1, count: 1, byteCount: Self.size)
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(16 * Self.size, from: 32 * Self.size))
        client.close()
    }

    /// A driver that stops short of what is waited for gets what there is, a little later.
    @Test func guestThatOffersFewerWaitsNotForEver() throws {
        let (fixture, client) = try drained(32)
        try fixture.guest.offerBuffers(port: 1, count: 3, byteCount: Self.size)
        var received: [UInt8] = []
        try fixture.settle {
            received += fixture.guest.read(port: 1)
            return received.count == 3 * Self.size
        }
        expectEqual(received, pattern(3 * Self.size, from: 32 * Self.size))
        // From here on, for fewer.
        _ = try fixture.guest.receiveq(1).kick.drain()
        try fixture.guest.offerBuffers(port: 1, count: 8, byteCount: Self.size)
        #expect(try fixture.guest.receiveq(1).kick.drain())
        client.close()
    }

    /// Who asks how many buffers wait has not looked at them for the port.
    @Test func whoLooksAfterTheGuestDoesNotStopIt() throws {
        let (fixture, client) = try drained(32)
        try fixture.guest.offerBuffers(port: 1, count: 3, byteCount: Self.size)
        #expect(try fixture.status(of: 1) != nil)
        try fixture.settle { fixture.loop.refillPorts.isEmpty }
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(3 * Self.size, from: 32 * Self.size))
        client.close()
    }

    /// A guest that reads nothing costs one look, not one every ten milliseconds.
    @Test func guestThatReadsNothingIsLeftAlone() throws {
        let (fixture, client) = try drained(32)
        try fixture.settle { fixture.loop.refillPorts.isEmpty }
        _ = try fixture.guest.receiveq(1).kick.drain()
        try fixture.guest.offerBuffers(port: 1, count: 1, byteCount: Self.size)
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(Self.size, from: 32 * Self.size))
        client.close()
    }

    @Test func withoutEventIndexEveryBufferIsTakenAtOnce() throws {
        let (fixture, client) = try drained(32, features: DeviceLoopFixture.features & ~DeviceLoopFixture.eventIndex)
        for index in 0..<4 {
            try fixture.guest.offerBuffers(port: 1, count: 1, byteCount: Self.size)
            try fixture.settle { fixture.loop.refillPorts.isEmpty }
            expectEqual(fixture.guest.read(port: 1), pattern(Self.size, from: (32 + index) * Self.size))
        }
        client.close()
    }

    /// Whatever a driver offers and whenever, it gets all bytes in order.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func everyByteComes(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let (fixture, client) = try drained(Int.random(in: 1...40, using: &random))
        var position = fixture.counters(1).toGuestBytes
        while position < 100_000 {
            try fixture.guest.offerBuffers(port: 1, count: Int.random(in: 1...48, using: &random), byteCount: Self.size)
            if Bool.random(using: &random) {
                try fixture.settle { fixture.loop.refillPorts.isEmpty }
            } else {
                try fixture.settle()
            }
            let bytes = fixture.guest.read(port: 1)
            expectEqual(bytes, pattern(bytes.count, from: Int(position)))
            position += UInt64(bytes.count)
        }
        client.close()
    }
}
