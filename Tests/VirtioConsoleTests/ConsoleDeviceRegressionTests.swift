import BasicContainers
import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

/// What a guest could do to the device once, and no longer can.
@Suite("ConsoleDevice: regressions")
struct ConsoleDeviceRegressionTests {
    /// A device with port 1 and the queues that a test starts.
    ///
    /// A class with verbs of its own, because `#expect` cannot look into values that are not copyable.
    private final class Fixture {
        let test: TestMemory
        let memory: GuestMemory
        var device = ConsoleDevice(maxPorts: 2, ports: [1: PortDescription(name: "vm.data")])
        var batch: ChainBatch

        init(chainCapacity: Int = 64) throws {
            test = try TestMemory()
            memory = try test.makeGuestMemory()
            batch = ChainBatch(chainCapacity: chainCapacity)
            device.setFeatures(ConsoleDevice.features)
        }

        /// Starts a queue with a driver of its own.
        func start(_ role: QueueRole, size: Int = 16, after count: Int = 0) throws -> any RingDriver {
            let place = TestMemory.usualBase + UInt64(role.queueIndex) * 0x2_0000
            let base = TestRings.base(after: count, size: size)
            let driver = TestRings.makeDriver(memory: test, size: size, base: place, startingAt: base)
            try start(role, driver, at: base, goesOn: false)
            return driver
        }

        func start(_ role: QueueRole, _ driver: any RingDriver, at base: UInt32, goesOn: Bool) throws {
            let queue = try Virtqueue(
                driver.userAddresses, in: .user, size: UInt32(driver.size), base: base,
                features: TestRings.features.union(.eventIndex), memory: memory)
            device.startQueue(role.queueIndex, queue, goesOn: goesOn)
        }

        func stop(_ role: QueueRole) -> UInt32? { device.stopQueue(role.queueIndex) }

        /// Looks at what port 1 has for the host; returns how many bytes that are.
        func look() throws -> Int {
            try device.ports[1].lookAheadToHost(into: &batch, memory: memory, byteLimit: .max)
            return batch.byteCount
        }

        func take(_ byteCount: Int) { device.ports[1].didTakeToHost(batch, byteCount: byteCount) }
        func discard() { _ = device.ports[1].didDiscard(batch, .unwanted) }

        func lookToGuest() throws {
            try device.ports[1].lookAheadToGuest(into: &batch, memory: memory, byteLimit: .max)
        }

        func fill(_ byteCount: Int) { device.ports[1].didFillToGuest(batch, byteCount: byteCount) }
        func noteLoss(_ byteCount: Int) { device.ports[1].noteLoss(byteCount) }
        func noteUnread(_ byteCount: Int) { device.ports[1].noteUnread(byteCount) }

        var counters: PortCounters {
            get { device.ports[1].counters }
            set { device.ports[1].counters = newValue }
        }

        var hasTakenAllBeforeClose: Bool { device.ports[1].hasTakenAllBeforeClose }

        func sendControl() throws -> Bool { try device.sendControl(using: &batch, memory: memory) }

        /// Takes the guest's control messages.
        func receiveControl() throws {
            var events = ControlEvents()
            _ = try device.receiveControl(using: &batch, memory: memory, events: &events)
        }
    }

    private static let transmitq = QueueRole.transmitq(port: 1)

    // MARK: Counters

    @Test func countersGoRoundInsteadOfEndingTheProcess() throws {
        let fixture = try Fixture()
        let driver = try fixture.start(Self.transmitq)
        let last = UInt64.max
        fixture.counters.toHostBytes = last
        fixture.counters.toHostChains = last
        fixture.counters.toGuestBytes = last
        fixture.counters.toGuestChains = last
        fixture.counters.lostBytes = last
        fixture.counters.unwantedBytes = last
        fixture.counters.goneClientBytes = last
        fixture.counters.unreadBytes = last

        driver.add(readable: [[1, 2, 3]])
        #expect(try fixture.look() == 3)
        fixture.discard()
        #expect(fixture.counters.unwantedBytes == 2)
        fixture.noteLoss(2)
        #expect(fixture.counters.lostBytes == 1)
        // 2 + 1 + (2^64 - 1), modulo 2^64.
        #expect(fixture.counters.discardedBytes == 2)

        driver.add(readable: [[1, 2, 3]])
        #expect(try fixture.look() == 3)
        fixture.take(3)
        #expect(fixture.counters.toHostBytes == 2)
        #expect(fixture.counters.toHostChains == 0)

        let receiver = try fixture.start(.receiveq(port: 1))
        receiver.add(writable: [5])
        try fixture.lookToGuest()
        fixture.fill(5)
        #expect(fixture.counters.toGuestBytes == 4)
        #expect(fixture.counters.toGuestChains == 0)
        fixture.noteUnread(7)
        #expect(fixture.counters.unreadBytes == 6)
    }

    // MARK: Control messages

    /// Receive buffers of no bytes take no message, so that what is owed stays owed: as many as the guest likes.
    @Test func controlBuffersOfNoBytesDoNotKeepOneCallBusy() throws {
        let fixture = try Fixture(chainCapacity: 1)
        let driver = try fixture.start(.controlReceiveq, size: 1024)
        fixture.device.setHostOpen(true, port: 1)
        let sender = try fixture.start(.controlTransmitq)
        sender.add(readable: [ControlMessage(.portReady, port: 1, value: 1).encoded()])
        try fixture.receiveControl()

        // All the ring holds but one, which is left for the buffer behind them.
        let emptyCount = driver.size - 1
        var offeredCount = 0
        for _ in 0..<4 {
            for _ in offeredCount..<emptyCount { driver.add(writable: [0]) }
            #expect(try fixture.sendControl())
            let used = driver.takeUsedEntries()
            #expect(used.count == ConsoleDevice.controlMessagesPerTurn)
            #expect(used.allSatisfy { $0.length == 0 })
            offeredCount = emptyCount - used.count
        }
        // And when at last there is a buffer behind them, nothing was lost: the port's name is the first message that is owed.
        let (_, places) = driver.add(writable: [64])
        for _ in 0..<20 where try fixture.sendControl() {}
        #expect(fixture.test.load(UInt16.self, at: places[0] + 4) == ControlMessage.Event.portName.rawValue)
        #expect(driver.takeUsedEntries().last?.length == UInt32(8 + "vm.data".utf8.count))
    }

    // MARK: Where a chain was left, and where the program's data ended

    /// A chain of 10 bytes of which 4 were taken, and a close behind it.
    private func halfTaken(
        after count: Int
    ) throws -> (fixture: Fixture, driver: any RingDriver, control: any RingDriver) {
        let fixture = try Fixture()
        let driver = try fixture.start(Self.transmitq, after: count)
        let control = try fixture.start(.controlTransmitq)
        driver.add(readable: [Array(repeating: 1, count: 10)])
        #expect(try fixture.look() == 10)
        fixture.take(4)
        #expect(try fixture.look() == 6)
        control.add(readable: [ControlMessage(.portOpen, port: 1, value: 0).encoded()])
        try fixture.receiveControl()
        #expect(!fixture.hasTakenAllBeforeClose)
        return (fixture, driver, control)
    }

    @Test func deviceReadyForgetsTheOffsetAndTheClose() throws {
        let (fixture, _, control) = try halfTaken(after: 0)
        control.add(readable: [ControlMessage(.deviceReady, port: -1, value: 1).encoded()])
        try fixture.receiveControl()
        #expect(fixture.hasTakenAllBeforeClose)
        #expect(try fixture.look() == 10)
    }

    @Test func ringThatGoesOnKeepsTheOffsetAndTheClose() throws {
        let (fixture, driver, _) = try halfTaken(after: 7)
        let base = TestRings.base(after: 7, size: 16)
        #expect(fixture.stop(Self.transmitq) == base)
        try fixture.start(Self.transmitq, driver, at: base, goesOn: true)
        #expect(try fixture.look() == 6)
        #expect(!fixture.hasTakenAllBeforeClose)
    }

    @Test func ringMadeAnewForgetsTheOffsetAndTheClose() throws {
        let (fixture, driver, _) = try halfTaken(after: 7)
        let base = TestRings.base(after: 7, size: 16)
        #expect(fixture.stop(Self.transmitq) == base)
        try fixture.start(Self.transmitq, driver, at: base, goesOn: false)
        #expect(try fixture.look() == 10)
        #expect(fixture.hasTakenAllBeforeClose)
    }

    /// What is left before a close is a number of chains: their positions come round.
    @Test(arguments: [0, 65_533, 65_534, 65_535])
    func closeIsWhereItWasWhenPositionsComeRound(count: Int) throws {
        let fixture = try Fixture()
        let driver = try fixture.start(Self.transmitq, after: count)
        let control = try fixture.start(.controlTransmitq)
        for _ in 0..<3 { driver.add(readable: [[1, 2]]) }
        control.add(readable: [ControlMessage(.portOpen, port: 1, value: 0).encoded()])
        try fixture.receiveControl()
        driver.add(readable: [[3, 4, 5]])
        // One at a time, so that the way to the close leads through the last position and the first.
        for left in [6, 4, 2] {
            #expect(!fixture.hasTakenAllBeforeClose)
            #expect(try fixture.look() == left)
            fixture.take(2)
        }
        #expect(fixture.hasTakenAllBeforeClose)
        #expect(try fixture.look() == 3)
    }
}
