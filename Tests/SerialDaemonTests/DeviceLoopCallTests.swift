import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Calls that wait while there is more to do, and that are never forgotten.
@Suite("DeviceLoop: calls")
struct DeviceLoopCallTests {
    /// A port whose guest has written three turns' worth in chains that do not fill half the ring.
    private func flooded() throws -> (DeviceLoopFixture, GuestQueue) {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .discard)])
        try fixture.boot()
        let queue = fixture.guest.transmitq(1)
        _ = try queue.wasCalled()
        for _ in 0..<24 { queue.write([UInt8](repeating: 7, count: DeviceLoop.bytesPerTurn / 8)) }
        try queue.notify()
        return (fixture, queue)
    }

    @Test func oneCallForTheTurnsOfAFlood() throws {
        let (fixture, queue) = try flooded()
        while true {
            try fixture.takeTurn()
            guard fixture.hasWork else { break }
            #expect(try !queue.wasCalled(), "more is taken at once")
        }
        #expect(try queue.wasCalled())
        #expect(queue.reap().count == 24)
    }

    @Test func halfARingIsNotKeptBack() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .discard)])
        try fixture.boot()
        let queue = fixture.guest.transmitq(1)
        _ = try queue.wasCalled()
        // One turn takes 32 of them, of 64 that there is room for.
        for _ in 0..<62 { queue.write([UInt8](repeating: 7, count: DeviceLoop.bytesPerTurn / 32)) }
        try queue.notify()
        try fixture.takeTurn()
        #expect(fixture.hasWork)
        #expect(try queue.wasCalled())
        try fixture.settle()
    }

    /// After the answer to GET_VRING_BASE no call may come any more.
    @Test func stoppedRingIsCalledBeforeItsAnswer() throws {
        let (fixture, queue) = try flooded()
        try fixture.takeTurn()
        #expect(try !queue.wasCalled())
        try fixture.stop(queue)
        #expect(try queue.wasCalled())
    }

    @Test func newMemoryTableForgetsNoCall() throws {
        let (fixture, queue) = try flooded()
        try fixture.takeTurn()
        let owesCall = fixture.loop.device.owesCall(queue.index)
        #expect(owesCall)
        let more = try TestMemory(regions: [
            TestMemory.Region(guestBase: 1 << 40, userBase: 1 << 45, byteCount: 4096, fileOffset: 0)
        ])
        try fixture.demand(.addMemReg(FakeRegion(more.regions[0]), more.file.rawValue))
        #expect(try queue.wasCalled())
        #expect(queue.reap().count == 24)
    }

    /// The guest has room for more than one turn's bytes and gets one: it must hear of it.
    @Test func fewBytesIntoManyBuffersAreCalledFor() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 256)
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.open(1)
        _ = try fixture.guest.receiveq(1).wasCalled()
        for byte in 0..<3 as Range<UInt8> {
            client.send([byte])
            try fixture.settle()
            #expect(try fixture.guest.receiveq(1).wasCalled())
            #expect(fixture.guest.read(port: 1) == [byte])
        }
    }

    /// A call that was left for the next turn is made in it, though there was nothing to do.
    @Test func callThatWaitedIsMadeWhenNothingMoreComes() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 256)
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.open(1)
        fixture.guest.receiveq(1).reap()
        _ = try fixture.guest.receiveq(1).wasCalled()
        // A little less than a turn's worth: the turn ends with its budget used up and the socket found empty.
        let byteCount = DeviceLoop.bytesPerTurn - 100
        client.growSendBuffer()
        #expect(client.send(pattern(byteCount)) == byteCount)
        try fixture.settle()
        #expect(try fixture.guest.receiveq(1).wasCalled())
        expectEqual(fixture.guest.read(port: 1), pattern(byteCount))
    }
}
