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
        for _ in 0..<24 { queue.write([UInt8](repeating: 7, count: 32_768)) }
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
        for _ in 0..<62 { queue.write([UInt8](repeating: 7, count: 8192)) }
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
}
