import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Guest memory that comes, goes, and is taken away under running rings.
@Suite("DeviceLoop: memory")
struct DeviceLoopMemoryTests {
    private func expectTraffic(_ fixture: DeviceLoopFixture, _ client: HostClient, from start: Int) throws {
        try fixture.guest.write(pattern(100, from: start), port: 1)
        client.send(pattern(50, from: start))
        try fixture.settle()
        expectEqual(client.receive(), pattern(100, from: start))
        expectEqual(fixture.guest.read(port: 1), pattern(50, from: start))
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).inFlight.isEmpty)
    }

    private func region(_ fixture: DeviceLoopFixture) -> FakeRegion { FakeRegion(fixture.guest.memory.regions[0]) }

    @Test func memoryThatIsAddedDisturbsNothing() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let more = try OwnedFileDescriptor.memory(named: "more-memory", byteCount: 1 << 20)
        for index in 0..<20 as Range<UInt64> {
            try fixture.demand(
                .addMemReg(
                    FakeRegion(guestBase: (1 << 40) + index << 30, byteCount: 1 << 20, userBase: index << 30 + 4096),
                    more.rawValue))
            try expectTraffic(fixture, client, from: Int(index))
        }
        #expect(fixture.runningCount == fixture.guest.queues.count)
        #expect(fixture.takeControl() == [])
    }

    @Test func tableThatIsReplacedIsTheSameMemory() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for round in 0..<3 {
            try fixture.demand(.setMemTable([region(fixture)], descriptors: [fixture.guest.memory.file.rawValue]))
            #expect(mappingCount(of: fixture.guest.memory.file.rawValue) == 2)
            try expectTraffic(fixture, client, from: round)
        }
        #expect(fixture.takeControl() == [])
    }

    /// A chain is half sent when its memory is mapped anew.
    @Test func halfSentChainSurvivesAReplacedTable() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        try fixture.guest.write(pattern(20_000), port: 1)
        try fixture.settle()
        try fixture.demand(.setMemTable([region(fixture)], descriptors: [fixture.guest.memory.file.rawValue]))
        let received = try fixture.readAll(client)
        expectEqual(received, pattern(20_000))
    }

    @Test func ringsWithoutTheirMemoryStandUntilItIsBack() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try expectTraffic(fixture, client, from: 0)
        try fixture.demand(.remMemReg(region(fixture)))
        #expect(fixture.runningCount == 0)
        for queue in fixture.guest.queues { #expect(try queue.isReportedBroken()) }
        #expect(mappingCount(of: fixture.guest.memory.file.rawValue) == 1)
        fixture.guest.transmitq(1).write(pattern(100, from: 7))
        try fixture.guest.transmitq(1).kick.signal()
        client.send(pattern(50, from: 7))
        try fixture.settle()
        #expect(client.receive() == [])
        try fixture.shareMemory()
        #expect(fixture.runningCount == fixture.guest.queues.count)
        expectEqual(client.receive(), pattern(100, from: 7))
        expectEqual(fixture.guest.read(port: 1), pattern(50, from: 7))
        #expect(fixture.takeControl() == [])
        try expectTraffic(fixture, client, from: 9)
    }

    @Test func refusedRegionChangesNothing() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let answer = try fixture.say(.addMemReg(region(fixture), fixture.guest.memory.file.rawValue).needingReply)
        #expect(answer?.value == 1)
        let small = try OwnedFileDescriptor.memory(named: "small", byteCount: 4096)
        #expect(
            try fixture.say(.setMemTable([region(fixture)], descriptors: [small.rawValue]).needingReply)?.value == 1)
        try expectTraffic(fixture, client, from: 0)
    }

    /// The front-end's process, or whoever holds the file, truncates it: loads meet zeros and calls fail with EFAULT.
    @Test func truncatedMemoryBreaksRingsAndNothingElse() throws {
        MappedMemory.installFaultGuard()
        let (fixture, client) = try DeviceLoopFixture.connected()
        client.send(pattern(10))
        try fixture.guest.memory.file.resize(toByteCount: 0)
        for queue in fixture.guest.queues { try queue.kick.signal() }
        client.send(pattern(10))
        try fixture.settle()
        #expect(fixture.runningCount == 0)
        for queue in fixture.guest.queues { #expect(try queue.isReportedBroken()) }
        #expect(fixture.lines.contains { $0.contains("guest memory went away") })
        #expect(try fixture.say(.getFeatures)?.value != nil)
        #expect(!client.isAtEnd)
        #expect(try !fixture.takeTurn())
        // A front-end with good memory is served as if nothing had been.
        try fixture.disconnectFrontend()
        try fixture.guest.memory.file.resize(toByteCount: 0x2000 + fixture.guest.memory.regions[0].byteCount)
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.connectFrontend()
        try fixture.boot()
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(10) + pattern(10))
        try expectTraffic(fixture, client, from: 5)
    }

    /// Only a buffer is gone, and the ring is not: the call says EFAULT.
    @Test(arguments: [true, false])
    func truncatedBufferBreaksItsRing(isTransmit: Bool) throws {
        MappedMemory.installFaultGuard()
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)])
        try fixture.boot()
        let (a, b) = (try fixture.connect(1), try fixture.connect(2))
        for port in 1...2 { try fixture.guest.sendOpen(port) }
        try fixture.settle()
        // The last queue's part of the memory ends the file; buffers beyond its ring go.
        let queue = fixture.guest.transmitq(2)
        let gone = queue.ring.descriptorBase + 0x40000
        let (victim, survivor) = isTransmit ? (queue, fixture.guest.receiveq(2)) : (fixture.guest.receiveq(2), queue)
        let region = fixture.guest.memory.regions[0]
        try fixture.guest.memory.file.resize(toByteCount: gone - region.guestBase + region.fileOffset)
        let flags: UInt16 = isTransmit ? 0 : MockDriver.write
        victim.ring.offer([MockDriver.RawDescriptor(address: gone + 0x10000, length: 100, flags: flags)])
        try victim.kick.signal()
        b.send(pattern(10))
        try fixture.settle()
        #expect(!fixture.isRunning(victim))
        #expect(try victim.isReportedBroken())
        #expect(fixture.isRunning(survivor))
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
        #expect(!b.isAtEnd)
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(a.receive() == [1])
    }
}
