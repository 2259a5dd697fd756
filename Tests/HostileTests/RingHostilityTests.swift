import BasicContainers
import LinuxIO
import Testing
import Virtio
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Bugs that a guest's rings found in other devices.
@Suite("Hostile rings")
struct RingHostilityTests {
    @Test("CVE-2018-1059: only the first byte of a buffer is looked up")
    func bufferLeavesItsRegionOnlyIntoTheNextOne() throws {
        // Neighbours for the guest, and the other way round in the file.
        let end = TestMemory.usualBase + 8 * GuestQueue.byteCount
        let memory = try TestMemory(regions: [
            .init(
                guestBase: TestMemory.usualBase, userBase: TestMemory.usualUserBase,
                byteCount: 8 * GuestQueue.byteCount,
                fileOffset: 0x2_0000),
            .init(guestBase: end, userBase: 0x7e00_0000_0000, byteCount: 0x1_0000, fileOffset: 0x1000),
        ])
        let scene = try HostileScene(memory: memory)
        let queue = scene.transmitq
        memory.store(pattern(200), at: end - 100)
        queue.ring.offer([.init(address: end - 100, length: 200)])
        try queue.kick.signal()
        try scene.fixture.settle()
        expectEqual(scene.victim.receive(), pattern(200))
        #expect(queue.ring.takeUsedEntries().count == 1)
        try scene.renew(scene.receiveq)
        scene.receiveq.ring.offer([.init(address: end - 100, length: 200, flags: MockDriver.write)])
        scene.victim.send(pattern(200, from: 9))
        try scene.receiveq.kick.signal()
        try scene.fixture.settle()
        expectEqual(memory.load(byteCount: 200, at: end - 100), pattern(200, from: 9))

        // Behind the second region there is nothing.
        queue.ring.offer([.init(address: end + 0x1_0000 - 100, length: 101)])
        try scene.expectBroken(queue, because: "is not in shared memory")
        #expect(scene.victim.receive().isEmpty)
    }

    @Test("CVE-2019-9547, virtio-win #195: a chain that loops is walked for ever", arguments: 0...3)
    func loopsBreakTheirRing(kind: Int) throws {
        let scene = try HostileScene()
        let queue = scene.transmitq
        let buffer = queue.ring.allocate(16)
        if let packed = queue.ring as? PackedMockDriver {
            // There is no next: a chain can only go on until the ring is full, from any of its slots.
            for _ in 0..<kind { try scene.expectVictimLives() }
            for _ in 0..<64 {
                packed.offerRaw(.init(address: buffer, length: 1, id: 1, flags: PackedMockDriver.next))
            }
        } else {
            let driver = queue.splitDriver
            let link = { (next: UInt16) in
                MockDriver.RawDescriptor(address: buffer, length: 1, flags: MockDriver.next, next: next)
            }
            switch kind {
            case 0: driver.write(link(7), atIndex: 7)
            case 1:
                driver.write(link(63), atIndex: 7)
                driver.write(link(7), atIndex: 63)
            case 2:
                for index in 0..<64 { driver.write(link(UInt16(index + 1) % 64), atIndex: index) }
            default:
                let table = driver.allocate(32)
                driver.write(link(1), at: table)
                driver.write(link(0), at: table + 16)
                driver.write(.init(address: table, length: 32, flags: MockDriver.indirect), atIndex: 7)
            }
            driver.makeAvailable(7)
        }
        try scene.expectBroken(queue, because: "a chain")
        #expect(scene.victim.receive().isEmpty)
        try scene.renew(queue)
        try scene.expectVictimLives()
    }

    @Test("CVE-2016-5403: more requests than the queue has entries, and memory for each")
    func oneChainOfferedAgainAndAgainIsServedNoMoreThanTheRingHolds() throws {
        let scene = try HostileScene()
        let queue = scene.transmitq
        let buffer = queue.ring.allocate(4)
        queue.ring.memory.store(pattern(4), at: buffer)
        if let packed = queue.ring as? PackedMockDriver {
            for _ in 0..<64 { packed.offerRaw(.init(address: buffer, length: 4, id: 5)) }
        } else {
            queue.splitDriver.write(.init(address: buffer, length: 4), atIndex: 5)
            for _ in 0..<64 { queue.splitDriver.makeAvailable(5) }
        }
        try queue.kick.signal()
        try scene.fixture.settle()
        expectEqual(scene.victim.receive(), Array(repeatElement(pattern(4), count: 64).joined()))
        try scene.expectBystanderLives()
        try scene.renew(queue)
        if TestRings.arePacked {
            queue.ring.breakRing()
            try scene.expectBroken(queue, because: "has the id")
        } else {
            queue.splitDriver.setAvailableIndex(65)
            try scene.expectBroken(queue, because: "more than 64 ahead")
        }
    }

    @Test("CVE-2016-6490, crosvm's first find: a descriptor of no bytes loops for ever, or ends the process")
    func descriptorsOfNoBytesAreUsedLikeAnyOther() throws {
        let scene = try HostileScene()
        let (queue, receiveq) = (scene.transmitq, scene.receiveq)
        let nothing = MockDriver.RawDescriptor(address: .max, length: 0)
        let buffer = queue.ring.allocate(4)
        queue.ring.memory.store(pattern(4), at: buffer)
        queue.ring.offer([nothing])
        queue.ring.offer([nothing, nothing, nothing])
        queue.ring.offer([nothing, .init(address: buffer, length: 4), nothing])
        queue.ring.offerIndirect([nothing, .init(address: buffer, length: 4), nothing])
        try queue.kick.signal()
        try scene.fixture.settle()
        expectEqual(scene.victim.receive(), pattern(4) + pattern(4))
        #expect(queue.ring.takeUsedEntries().count == 4)

        try scene.renew(receiveq)
        for count in [1, 3] {
            receiveq.ring.offer((0..<count).map { _ in .init(address: .max, length: 0, flags: MockDriver.write) })
        }
        scene.victim.send(pattern(5))
        try receiveq.kick.signal()
        // Nothing but such buffers, and bytes that wait: the loop comes to rest.
        try scene.fixture.settle()
        #expect(receiveq.ring.takeUsedEntries().map(\.length) == [0, 0])
        receiveq.offer(0, 8, 0)
        try receiveq.kick.signal()
        try scene.fixture.settle()
        expectEqual(scene.guest.read(port: 1), pattern(5))
        try scene.expectVictimLives()
    }

    @Test("CVE-2022-2132: a header that lies over more than two descriptors")
    func controlMessagesInAnyPieces() throws {
        let scene = try HostileScene()
        let queue = scene.guest.controlTransmitq
        let close = pack(UInt32(1)) + pack(UInt16(6)) + pack(UInt16(0))
        for byteCount in [0, 1, 7, 9, 4096] {
            // One that is longer begins with a message: its tail is no fault.
            queue.reap()
            queue.write(Array((close + [UInt8](repeating: 0xff, count: 4096)).prefix(byteCount)))
            try queue.kick.signal()
            try scene.fixture.settle()
            let isOpen = scene.fixture.loop.device.ports[1].isGuestOpen
            #expect(isOpen == (byteCount < 8))
            try scene.guest.sendOpen(1)
            try scene.fixture.settle()
        }
        queue.reap()
        queue.write(pieces: close.map { [$0] })
        try queue.kick.signal()
        try scene.fixture.settle()
        let isOpen = scene.fixture.loop.device.ports[1].isGuestOpen
        #expect(!isOpen)
        queue.reap()
        #expect(queue.inFlight.isEmpty)
        try scene.fixture.open(1)
        try scene.expectVictimLives()
        try scene.expectBystanderLives()
    }

    @Test(
        "CVE-2026-86566: receive buffers of few bytes make the length that is left wrap",
        arguments: 1...4 as ClosedRange<UInt64>)
    func tinyReceiveBuffersLoseNothing(seed: UInt64) throws {
        let scene = try HostileScene()
        var random = SeededGenerator(seed: seed)
        try scene.renew(scene.receiveq)
        var (sentCount, received): (Int, [UInt8]) = (0, [])
        for _ in 0..<200 {
            while scene.receiveq.freeDescriptorCount >= 4, Bool.random(using: &random) {
                scene.receiveq.offer(
                    (0..<Int.random(in: 1...4, using: &random)).map { _ in Int.random(in: 0...8, using: &random) })
            }
            let count = Int.random(in: 0...20, using: &random)
            sentCount += scene.victim.send(pattern(count, from: sentCount))
            try scene.receiveq.kick.signal()
            try scene.fixture.settle()
            received += scene.guest.read(port: 1)
        }
        try scene.guest.offerBuffers(port: 1)
        try scene.receiveq.kick.signal()
        try scene.fixture.settle()
        expectEqual(received + scene.guest.read(port: 1), pattern(sentCount))
    }

    @Test(
        "CVE-2026-86846, SPDK #3860, #3879: an entry of the ring is used as an index unchecked",
        arguments: [64, 65, 0x7fff, 0x8000, 0xffff] as [UInt16])
    func indexesOutsideTheTableBreakTheirRing(index: UInt16) throws {
        let scene = try HostileScene()
        let queue = scene.transmitq
        if let packed = queue.ring as? PackedMockDriver {
            packed.offerRaw(.init(address: packed.allocate(4), length: 4, id: index))
            try scene.expectBroken(queue, because: "has the id \(index)")
        } else {
            queue.splitDriver.makeAvailable(index)
            try scene.expectBroken(queue, because: "names descriptor \(index)")
            try scene.renew(queue)
            queue.splitDriver.write(
                .init(address: queue.ring.allocate(4), length: 4, flags: MockDriver.next, next: index), atIndex: 0)
            queue.splitDriver.makeAvailable(0)
            try scene.expectBroken(queue, because: "goes on in \(index)")
        }
        #expect(scene.victim.receive().isEmpty)
        try scene.renew(queue)
        try scene.expectVictimLives()
    }

    @Test("CVE-2026-86847: what is cleaned up after a buffer that cannot be mapped was never set", arguments: 0..<5)
    func chainWithABufferNowhereMovesNothingOfIt(position: Int) throws {
        let scene = try HostileScene()
        for queue in [scene.transmitq, scene.receiveq] {
            let isTransmit = queue.index == scene.transmitq.index
            let flags: UInt16 = isTransmit ? 0 : MockDriver.write
            try scene.renew(queue)
            let good = queue.ring.allocate(10)
            queue.ring.memory.store(pattern(10), at: good)
            let chain = (0..<5).map {
                MockDriver.RawDescriptor(address: $0 == position ? 1 << 50 : good, length: 10, flags: flags)
            }
            queue.ring.offer([.init(address: good, length: 10, flags: flags)])
            queue.ring.offer(chain)
            scene.victim.send(isTransmit ? [] : pattern(20))
            try scene.expectBroken(queue, because: "is not in shared memory")
            expectEqual(scene.victim.receive(), isTransmit ? pattern(10) : [])
            expectEqual(scene.guest.memory.load(byteCount: 10, at: good), pattern(10))
            try scene.renew(queue)
        }
        // The bytes that met the broken chain were not lost.
        try scene.guest.offerBuffers(port: 1)
        try scene.receiveq.kick.signal()
        try scene.fixture.settle()
        expectEqual(scene.guest.read(port: 1), pattern(10, from: 10))
        try scene.expectVictimLives()
    }

    @Test("CVE-2019-14835, CVE-2026-74356: what cannot be served is asked for again and again")
    func chainsThatCannotBeServedCostNoTurn() throws {
        let scene = try HostileScene()
        let expectRest = {
            try scene.fixture.settle()
            for _ in 0..<5 { #expect(try !scene.fixture.takeTurn()) }
            try scene.expectIdle()
        }
        // A client that does not read, bytes for a guest without buffers, and news for one without control buffers.
        try scene.fixture.shrinkBuffer(port: 1)
        for _ in 0..<30 { try scene.guest.write(pattern(3000), port: 1) }
        try expectRest()
        #expect(!scene.transmitq.inFlight.isEmpty)
        // A storm of kicks for them: all that came since the last turn cost one.
        for _ in 0..<100 {
            for _ in 0..<100 { try scene.transmitq.kick.signal() }
            #expect(try scene.fixture.takeTurn())
            #expect(try !scene.fixture.takeTurn())
        }
        try scene.renew(scene.receiveq)
        scene.victim.send(pattern(100))
        try expectRest()
        let control = scene.guest.controlReceiveq
        try scene.renew(control)
        scene.bystander.close()
        try expectRest()
        #expect(control.reap().isEmpty)
        try scene.guest.offerControlBuffers()
        try control.kick.signal()
        try expectRest()
        #expect(scene.guest.takeControl().contains(.open(2, false)))
    }

    @Test(
        "vm-virtio #196: chains are served twice when an index passes 2^16",
        arguments: [65_400, 65_471, 65_472, 65_473, 65_534, 65_535])
    func indexesThatWrapServeEachChainOnce(start: Int) throws {
        let scene = try HostileScene()
        for queue in [scene.transmitq, scene.receiveq] {
            try scene.fixture.stop(queue)
            scene.fixture.bases[queue.index] = TestRings.base(after: start)
            queue.reset(startingAt: TestRings.base(after: start))
            try scene.fixture.restart(queue)
        }
        // Kicked and called only when the other side asks for it, by EVENT_IDX.
        for round in 0..<200 {
            try scene.guest.write(pattern(10, from: round), port: 1)
            try scene.guest.offerBuffers(port: 1, count: 1, byteCount: 10)
            scene.victim.send(pattern(10, from: round))
            try scene.fixture.settle()
            for queue in [scene.transmitq, scene.receiveq] {
                #expect(try queue.wasCalled(), "queue \(queue.index), round \(round)")
            }
            expectEqual(scene.victim.receive(), pattern(10, from: round))
            expectEqual(scene.guest.read(port: 1), pattern(10, from: round))
        }
        try scene.expectBystanderLives()
    }
}
