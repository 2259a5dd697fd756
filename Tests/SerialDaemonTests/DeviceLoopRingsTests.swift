import LinuxIO
import Testing
import Virtio
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Rings: what a guest can break is its own ring, and what a front-end can change while one runs.
@Suite("DeviceLoop: rings")
struct DeviceLoopRingsTests {
    /// What a driver must not offer. Each breaks the transmitq it is done to.
    enum Fault: CaseIterable {
        case indexTooFarAhead, headOutOfRange, nextOutOfRange, loop, readableAfterWritable, outsideMemory, tooLarge
        case indirectTableOfNothing, indirectTableCut, indirectInIndirect, indirectThatGoesOn, indirectOutsideMemory

        func commit(on queue: GuestQueue) {
            typealias Raw = MockDriver.RawDescriptor
            if let packed = queue.ring as? PackedMockDriver { return commit(on: packed) }
            let driver = queue.splitDriver
            let buffer = driver.allocate(64)
            switch self {
            case .indexTooFarAhead:
                driver.setAvailableIndex(driver.availableIndex &+ UInt16(driver.size) &+ 1)
            case .headOutOfRange:
                driver.makeAvailable(UInt16(driver.size))
            case .nextOutOfRange:
                driver.write(
                    Raw(address: buffer, length: 4, flags: MockDriver.next, next: UInt16(driver.size)), atIndex: 40)
                driver.makeAvailable(40)
            case .loop:
                driver.write(Raw(address: buffer, length: 4, flags: MockDriver.next, next: 40), atIndex: 40)
                driver.makeAvailable(40)
            case .readableAfterWritable:
                driver.makeAvailable(
                    driver.writeChain([
                        Raw(address: buffer, length: 4, flags: MockDriver.write), Raw(address: buffer, length: 4),
                    ]))
            case .outsideMemory:
                driver.makeAvailable(driver.writeChain([Raw(address: .max - 3, length: 64)]))
            case .tooLarge:
                // Whole gigabytes of memory would be needed for a chain that is too large and nothing else.
                driver.makeAvailable(
                    driver.writeChain([Raw(address: buffer, length: .max), Raw(address: buffer, length: 1)]))
            case .indirectTableOfNothing:
                driver.makeAvailable(driver.writeChain([Raw(address: buffer, length: 0, flags: MockDriver.indirect)]))
            case .indirectTableCut:
                driver.makeAvailable(driver.writeChain([Raw(address: buffer, length: 17, flags: MockDriver.indirect)]))
            case .indirectInIndirect:
                driver.addIndirect([Raw(address: buffer, length: 16, flags: MockDriver.indirect)])
            case .indirectThatGoesOn:
                driver.makeAvailable(
                    driver.writeChain([
                        Raw(address: buffer, length: 16, flags: MockDriver.indirect), Raw(address: buffer, length: 1),
                    ]))
            case .indirectOutsideMemory:
                driver.makeAvailable(driver.writeChain([Raw(address: 1 << 60, length: 16, flags: MockDriver.indirect)]))
            }
        }

        /// Whether the layout that is played has such a thing: a packed ring has no index and no links.
        var isPossible: Bool {
            !TestRings.arePacked || ![.indexTooFarAhead, .nextOutOfRange, .indirectInIndirect].contains(self)
        }

        private func commit(on driver: PackedMockDriver) {
            typealias Raw = PackedMockDriver.RawDescriptor
            let buffer = driver.allocate(64)
            switch self {
            case .indexTooFarAhead, .nextOutOfRange, .indirectInIndirect:
                preconditionFailure("a packed ring has no such thing")
            case .headOutOfRange:
                driver.offerRaw(Raw(address: buffer, length: 4, id: UInt16(driver.size)))
            case .loop:
                // It goes on in what is not available.
                driver.offerRaw(Raw(address: buffer, length: 4, flags: PackedMockDriver.next))
            case .readableAfterWritable:
                driver.addChain([
                    Raw(address: buffer, length: 4, flags: PackedMockDriver.write), Raw(address: buffer, length: 4),
                ])
            case .outsideMemory:
                driver.addChain([Raw(address: .max - 3, length: 64)])
            case .tooLarge:
                driver.addChain([Raw(address: buffer, length: .max), Raw(address: buffer, length: 1)])
            case .indirectTableOfNothing:
                driver.addChain([Raw(address: buffer, length: 0, flags: PackedMockDriver.indirect)])
            case .indirectTableCut:
                driver.addChain([Raw(address: buffer, length: 17, flags: PackedMockDriver.indirect)])
            case .indirectThatGoesOn:
                driver.addChain([
                    Raw(address: buffer, length: 16, flags: PackedMockDriver.indirect), Raw(address: buffer, length: 1),
                ])
            case .indirectOutsideMemory:
                driver.addChain([Raw(address: 1 << 60, length: 16, flags: PackedMockDriver.indirect)])
            }
        }
    }

    @Test(arguments: Fault.allCases.filter(\.isPossible))
    func brokenRingStopsAloneAndComesBack(fault: Fault) throws {
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)])
        try fixture.boot()
        let (a, b) = (try fixture.connect(1), try fixture.connect(2))
        try fixture.open(1)
        let queue = fixture.guest.transmitq(1)
        _ = try queue.wasCalled()
        // The good chain before the bad one is served, used, and called for.
        queue.write(pattern(100))
        fault.commit(on: queue)
        try queue.kick.signal()
        try fixture.settle()
        #expect(!fixture.isRunning(queue))
        #expect(try queue.isReportedBroken())
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
        if fault != .indexTooFarAhead {
            expectEqual(a.receive(), pattern(100))
            #expect(queue.reap().count == 1)
            #expect(try queue.wasCalled())
        }
        #expect(fixture.lines.filter { $0.contains("queue \(queue.index) is broken by the guest") }.count == 1)

        // Its other direction and the other port go on; disabling and enabling mends nothing.
        a.send([1])
        try fixture.guest.write([2], port: 2)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [1])
        #expect(b.receive() == [2])
        try fixture.demand(.setVringEnable(UInt32(queue.index), 0))
        try fixture.demand(.setVringEnable(UInt32(queue.index), 1))
        #expect(!fixture.isRunning(queue))

        let base = try fixture.stop(queue)
        queue.reset(startingAt: base)
        try fixture.restart(queue)
        #expect(fixture.isRunning(queue))
        try fixture.guest.write([3], port: 1)
        try fixture.settle()
        #expect(a.receive() == [3])
    }

    @Test func readableBufferBreaksAReceiveq() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.receiveq(1)
        client.send(pattern(100))
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(100))
        try fixture.stop(queue)
        queue.reset(startingAt: fixture.bases[queue.index])
        queue.write([1])
        try fixture.restart(queue)
        client.send([2])
        try fixture.settle()
        #expect(!fixture.isRunning(queue))
        #expect(try queue.isReportedBroken())
        try fixture.guest.write([3], port: 1)
        try fixture.settle()
        #expect(client.receive() == [3])
        // The byte is still in the socket.
        queue.reset(startingAt: try fixture.stop(queue))
        try fixture.restart(queue)
        try fixture.guest.offerBuffers(port: 1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [2])
    }

    @Test func indirectDescriptorsMustBeNegotiated() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(features: DeviceLoopFixture.features & ~(1 << 28))
        fixture.guest.transmitq(1).writeIndirect([[1]])
        try fixture.guest.transmitq(1).notify()
        try fixture.settle()
        #expect(!fixture.isRunning(fixture.guest.transmitq(1)))
        #expect(client.receive() == [])
    }

    @Test func brokenControlQueueLeavesTheDataAlone() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for queue in [fixture.guest.controlReceiveq, fixture.guest.controlTransmitq] {
            queue.ring.breakRing()
            try queue.kick.signal()
        }
        client.close()
        // As many messages as buffers were offered before are still told.
        for _ in 0..<fixture.guest.ringSize {
            try fixture.settle()
            try fixture.connect(1).close()
        }
        try fixture.settle()
        #expect(fixture.runningCount == fixture.guest.queues.count - 2)
        let next = try fixture.connect(1)
        next.send([1])
        try fixture.guest.write([2], port: 1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [1])
        #expect(next.receive() == [2])
    }

    /// What the guest chose is no fault of the front-end: every message is obeyed, and the ring alone does not start.
    @Test(arguments: [1, 8, 1 << 40] as [UInt64])
    func ringAtAnImpossiblePlaceDoesNotStart(shift: UInt64) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let queue = fixture.guest.transmitq(1)
        try fixture.stop(queue)
        try fixture.demand(.setVringNum(UInt32(queue.index), 64))
        let addresses = queue.ring.userAddresses
        try fixture.demand(
            .setVringAddr(
                UInt32(queue.index), descriptors: addresses.descriptorTable &+ shift, used: addresses.usedRing,
                available: addresses.availableRing))
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        #expect(!fixture.isRunning(queue))
        #expect(try queue.isReportedBroken())
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
    }

    @Test(arguments: TestRings.arePacked ? [0, 32769, 65536] : [0, 3, 100, 65536] as [UInt32])
    func ringOfAnImpossibleSizeDoesNotStart(size: UInt32) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let queue = fixture.guest.transmitq(1)
        try fixture.stop(queue)
        _ = try fixture.say(.setVringNum(UInt32(queue.index), size).needingReply)
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        #expect(!fixture.isRunning(queue))
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
    }

    // MARK: Kicks

    @Test func replacedKickWakesAndTheFormerDoesNot() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        let former = try queue.replaceKick()
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        queue.write([1])
        try former.signal()
        #expect(try !fixture.takeTurn())
        #expect(client.receive() == [])
        try queue.kick.signal()
        try fixture.settle()
        #expect(client.receive() == [1])
    }

    @Test func ringWithoutAKickIsPolled() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        try fixture.stop(queue)
        try fixture.configure(queue)
        try fixture.demand(.setVringKick(UInt64(queue.index), nil))
        try fixture.demand(.setVringEnable(UInt32(queue.index), 1))
        for byte in 0..<3 as Range<UInt8> {
            queue.write([byte])
            try fixture.takeTurn()
            #expect(client.receive() == [byte])
        }
        try fixture.stop(queue)
        #expect(!fixture.isPolling)
    }

    @Test func runningRingThatLosesItsKickIsPolled() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        try fixture.demand(.setVringKick(UInt64(queue.index), nil))
        queue.write([1])
        try fixture.takeTurn()
        #expect(client.receive() == [1])
        // And no more when it has one again.
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        #expect(!fixture.isPolling)
        queue.write([2])
        try queue.kick.signal()
        try fixture.settle()
        #expect(client.receive() == [2])
    }

    // MARK: Calls and errors

    @Test func replacedCallIsTheOneThatIsSignalled() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        let former = try queue.replaceCall()
        try fixture.demand(.setVringCall(UInt64(queue.index), queue.call.rawValue))
        _ = try former.drain()
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        #expect(try queue.wasCalled())
        #expect(try !former.drain())
        // Nobody wants to be called.
        try fixture.demand(.setVringCall(UInt64(queue.index), nil))
        queue.reap()
        try fixture.guest.write([2], port: 1)
        try fixture.settle()
        #expect(try !queue.wasCalled())
        #expect(client.receive() == [1, 2])
    }

    @Test func replacedErrorIsTheOneThatIsSignalled() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let queue = fixture.guest.transmitq(1)
        let former = try queue.replaceError()
        try fixture.demand(.setVringErr(UInt64(queue.index), queue.error.rawValue))
        Fault.headOutOfRange.commit(on: queue)
        try queue.kick.signal()
        _ = try fixture.connect(1)
        try fixture.settle()
        #expect(try queue.isReportedBroken())
        #expect(try !former.drain())
    }

    @Test(arguments: [true, false])
    func guestThatWantsNoCallGetsNone(hasEventIndex: Bool) throws {
        let features = DeviceLoopFixture.features & ~(hasEventIndex ? 0 : DeviceLoopFixture.eventIndex)
        let (fixture, client) = try DeviceLoopFixture.connected(features: features)
        let queue = fixture.guest.transmitq(1)
        try fixture.guest.write([0], port: 1)
        try fixture.settle()
        #expect(try queue.wasCalled())
        queue.reap()
        // By used_event: only when ten more are used. By the flag: not at all.
        if hasEventIndex { queue.ring.wantCall(after: 10) } else { queue.ring.wantNoCalls() }
        for byte in 1...12 as ClosedRange<UInt8> {
            queue.write([byte])
            try queue.notify()
            try fixture.settle()
            #expect(try queue.wasCalled() == (hasEventIndex && byte == 10))
        }
        #expect(client.receive() == Array(0...12))
    }
}
