import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

@Suite("ConsolePort: host to guest")
struct ConsolePortToGuestTests {
    private let fixture: DeviceFixture
    private let driver: any RingDriver

    init() throws {
        fixture = try DeviceFixture()
        driver = try fixture.start(.receiveq(port: 1))
    }

    @Test func buffersAreFilledInOrderAndOnlyThoseWithBytesAreUsed() throws {
        let first = driver.add(writable: [2, 2]).writable
        let second = driver.add(writable: [4]).writable
        driver.add(writable: [4])
        #expect(try fixture.fill(1, [1, 2, 3, 4, 5]) == 5)
        #expect(fixture.publishToGuest(1))
        #expect(fixture.usedLengths(.receiveq(port: 1)) == [4, 1])
        #expect(fixture.test.load(byteCount: 2, at: first[1]) == [3, 4])
        #expect(fixture.test.load(byteCount: 2, at: second[0]) == [5, 0])
        #expect(fixture.counters(1) == PortCounters(toGuestBytes: 5, toGuestChains: 2))
        // The third is still the guest's to have filled.
        #expect(try fixture.fill(1, [6]) == 1)
        _ = fixture.publishToGuest(1)
        #expect(fixture.usedLengths(.receiveq(port: 1)) == [1])
    }

    @Test func noBytesUseNoBuffer() throws {
        driver.add(writable: [4])
        #expect(try fixture.fill(1, []) == 0)
        #expect(!fixture.publishToGuest(1))
        #expect(fixture.counters(1) == PortCounters())
    }

    @Test func shortOfBuffersNothingIsTakenFromTheHost() throws {
        #expect(try fixture.fill(1, [1]) == 0)
        #expect(fixture.batchChainCount == 0)
        driver.add(writable: [1])
        #expect(try fixture.fill(1, [1, 2]) == 1)
    }

    @Test func buffersOfNoBytesAreUsedUp() throws {
        driver.add(writable: [0])
        driver.add(writable: [2])
        #expect(try fixture.fill(1, [1, 2]) == 2)
        _ = fixture.publishToGuest(1)
        #expect(fixture.usedLengths(.receiveq(port: 1)) == [0, 2])
    }

    @Test(arguments: 1...5) func aBufferThatFoundNoRoomInTheBatchIsNotUsedUp(pieceCapacity: Int) throws {
        // A used buffer without a byte is an end of file to a program in a Linux guest.
        let fixture = try DeviceFixture(pieceCapacity: pieceCapacity)
        let driver = try fixture.start(.receiveq(port: 1))
        for _ in 0..<8 { driver.add(writable: [2]) }
        var filled = 0
        var lengths: [UInt32] = []
        while filled < 16, lengths.count < 8 {
            filled += try fixture.fill(1, [UInt8](repeating: 7, count: 16 - filled))
            _ = fixture.publishToGuest(1)
            lengths += fixture.usedLengths(.receiveq(port: 1))
        }
        #expect(lengths == [UInt32](repeating: 2, count: 8))
    }

    @Test func whatTheGuestWillNeverGetIsCounted() {
        fixture.noteUnread(1, 5)
        fixture.noteUnread(1, 0)
        #expect(fixture.counters(1) == PortCounters(unreadBytes: 5))
    }

    @Test func theLimitBoundsATurn() throws {
        for _ in 0..<4 { driver.add(writable: [10]) }
        #expect(try fixture.fill(1, [UInt8](repeating: 1, count: 40), byteLimit: 15) == 20)
    }

    @Test func aStopLosesNoBuffer() throws {
        driver.add(writable: [4])
        driver.add(writable: [4])
        #expect(try fixture.fill(1, [1]) == 1)
        _ = fixture.publishToGuest(1)
        #expect(fixture.usedLengths(.receiveq(port: 1)) == [1])
        let base = try #require(fixture.stop(.receiveq(port: 1)))
        #expect(base == TestRings.base(after: 1))
        try fixture.resume(.receiveq(port: 1), at: base)
        #expect(try fixture.fill(1, [2, 3]) == 2)
        _ = fixture.publishToGuest(1)
        #expect(fixture.usedLengths(.receiveq(port: 1)) == [2])
    }

    @Test func readableBufferIsTheGuestsFault() throws {
        driver.add(readable: [[1]], writable: [4])
        #expect(throws: VirtqueueError.readableInReceiveQueue) { try fixture.fill(1, [1]) }
    }

    @Test func receivesOnlyWhileOpenAndRunning() throws {
        #expect(!fixture.canReceive(1))
        try fixture.shakeHands()
        fixture.say(.portOpen, port: 1, 1)
        _ = try fixture.receive()
        #expect(fixture.canReceive(1))
        fixture.say(.portOpen, port: 1, 0)
        _ = try fixture.receive()
        #expect(!fixture.canReceive(1))
        fixture.say(.portOpen, port: 1, 1)
        _ = try fixture.receive()
        _ = fixture.stop(.receiveq(port: 1))
        #expect(!fixture.canReceive(1))
    }

    /// The guest gives buffers back between the last look and the asking for a kick: they are not waited for any more.
    @Test func whatIsThereAlreadyIsNotWaitedFor() throws {
        let fixture = try DeviceFixture(features: DeviceFixture.usualFeatures.union(.eventIndex))
        let driver = try fixture.start(.receiveq(port: 1))
        for _ in 0..<32 { driver.add(writable: [1]) }
        #expect(try fixture.fill(1, [UInt8](repeating: 1, count: 32)) == 32)
        _ = fixture.publishToGuest(1)
        _ = fixture.usedLengths(.receiveq(port: 1))
        #expect(try fixture.fill(1, [2]) == 0)
        for _ in 0..<16 { driver.add(writable: [1]) }
        #expect(fixture.awaitRefill(1), "as many as it waits for")
        #expect(try fixture.fill(1, [2]) == 1)
        #expect(fixture.hasRefill(1), "fifteen are left")
    }

    @Test func kicksAreAskedForOnlyWhenBuffersRunShort() throws {
        fixture.disableToGuestKicks(1)
        #expect(driver.deviceWantsNoKick)
        driver.add(writable: [1])
        #expect(fixture.enableToGuestKicks(1))
        #expect(try fixture.fill(1, [1]) == 1)
        #expect(!fixture.enableToGuestKicks(1))
        #expect(!driver.deviceWantsNoKick)
    }
}
