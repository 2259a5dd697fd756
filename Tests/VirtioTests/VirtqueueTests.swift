import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("Virtqueue: looking, using, publishing")
struct VirtqueueTests {
    @Test func anEmptyRingOffersNothing() throws {
        let fixture = try QueueFixture()
        #expect(try fixture.look() == [])
        #expect(fixture.chainCount == 0)
        #expect(try fixture.availableCount() == 0)
    }

    @Test func aChainOfSeveralBuffersIsReadInOrder() throws {
        let fixture = try QueueFixture()
        let head = fixture.driver.add(readable: [[1, 2], [3], [4, 5, 6]]).id
        #expect(try fixture.look() == [1, 2, 3, 4, 5, 6])
        let progress = fixture.consume(6)
        #expect(progress.chains == 1)
        #expect(progress.rest == 0)
        #expect(fixture.driver.takeUsed().isEmpty, "nothing is visible before it is published")
        fixture.publish()
        #expect(fixture.driver.takeUsed() == [.init(id: UInt32(head), length: 0)])
    }

    @Test func lookingTakesNothing() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[7]])
        #expect(try fixture.look() == [7])
        #expect(try fixture.look() == [7])
        #expect(fixture.position == 0)
        #expect(try fixture.availableCount() == 1)
    }

    @Test func manyChainsAreOneBatchAndOneCutIsRemembered() throws {
        let fixture = try QueueFixture()
        for first in [10, 20, 30] as [UInt8] {
            fixture.driver.add(readable: [[first, first + 1], [first + 2, first + 3]])
        }
        #expect(try fixture.look().count == 12)
        // One whole chain, and three bytes of the second.
        let first = fixture.consume(7)
        #expect(first.chains == 1)
        #expect(first.rest == 3)
        #expect(fixture.position == 1)
        #expect(try fixture.look(offset: 3) == [23, 30, 31, 32, 33])
        // Nothing more of it fits.
        let second = fixture.consume(0)
        #expect(second.chains == 0)
        #expect(second.rest == 0)
        #expect(try fixture.look(offset: 3) == [23, 30, 31, 32, 33])
        #expect(fixture.consume(5).chains == 2)
        fixture.publish()
        #expect(fixture.driver.takeUsed().map(\.length) == [0, 0, 0])
    }

    @Test func aBatchEndsWithTheChainThatPassesTheLimit() throws {
        let fixture = try QueueFixture()
        for _ in 0..<4 {
            fixture.driver.add(readable: [[1, 2, 3]])
        }
        #expect(try fixture.look(byteLimit: 4).count == 6)
        #expect(try fixture.look(chainLimit: 3).count == 9)
        #expect(try fixture.look(chainLimit: 0).count == 0)
    }

    @Test func aChainWithMorePiecesThanFitGoesOnInTheNextTurn() throws {
        let fixture = try QueueFixture(pieceCapacity: 2)
        fixture.driver.add(readable: [[1, 2], [3, 4], [5, 6]])
        fixture.driver.add(readable: [[7]])
        #expect(try fixture.look() == [1, 2, 3, 4])
        let progress = fixture.consume(4)
        #expect(progress.chains == 0)
        #expect(progress.rest == 4)
        #expect(try fixture.look(offset: 4) == [5, 6, 7])
        #expect(fixture.consume(3).chains == 2)
    }

    @Test func buffersAreFilledInOrderAndTheirUsedLengthIsWhatWasWritten() throws {
        let fixture = try QueueFixture()
        let first = fixture.driver.add(writable: [2, 3])
        let second = fixture.driver.add(writable: [4])
        fixture.driver.add(writable: [4])
        _ = try fixture.look(.deviceWritable)
        #expect(fixture.byteCount == 13)
        fixture.fill([1, 2, 3, 4, 5, 6, 7])
        #expect(fixture.useFilled(7) == 2)
        fixture.publish()
        #expect(
            fixture.driver.takeUsed() == [
                .init(id: UInt32(first.id), length: 5), .init(id: UInt32(second.id), length: 2),
            ])
        #expect(fixture.test.load(byteCount: 2, at: first.writable[0]) == [1, 2])
        #expect(fixture.test.load(byteCount: 3, at: first.writable[1]) == [3, 4, 5])
        #expect(fixture.test.load(byteCount: 4, at: second.writable[0]) == [6, 7, 0, 0])
        // The third buffer is still the driver's.
        #expect(try fixture.availableCount() == 1)
    }

    @Test func noBytesUseNoBuffer() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(writable: [4])
        _ = try fixture.look(.deviceWritable)
        #expect(fixture.useFilled(0) == 0)
    }

    @Test func chainsOfNoBytesAreUsedAndHoldNothingUp() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[]])
        fixture.driver.add(readable: [[], [9], []])
        fixture.driver.add(readable: [[]])
        #expect(try fixture.look() == [9])
        #expect(fixture.consume(1).chains == 3)

        let receive = try QueueFixture()
        receive.driver.add(writable: [0])
        receive.driver.add(writable: [0, 1])
        _ = try receive.look(.deviceWritable)
        #expect(receive.useFilled(1) == 2)
        receive.publish()
        #expect(receive.driver.takeUsed().map(\.length) == [0, 1])
    }

    @Test func writableBuffersOfATransmitqAreLeftAlone() throws {
        let fixture = try QueueFixture()
        let chain = fixture.driver.add(readable: [[1, 2]], writable: [4])
        #expect(try fixture.look() == [1, 2])
        #expect(fixture.consume(2).chains == 1)
        #expect(fixture.test.load(byteCount: 4, at: chain.writable[0]) == [0, 0, 0, 0])
    }

    @Test func discardingUsesEverythingThatWasLookedAt() throws {
        let fixture = try QueueFixture(pieceCapacity: 1)
        fixture.driver.add(readable: [[1], [2], [3]])
        fixture.driver.add(readable: [[4]])
        _ = try fixture.look()
        fixture.discard()
        #expect(fixture.position == 1)
    }

    @Test func aBufferThatSpansRegionsIsOneBuffer() throws {
        let test = try TestMemory(regions: [
            .init(guestBase: 0x1_0000, userBase: 0x7f00_0000_0000, byteCount: 0x1000, fileOffset: 0x3000),
            .init(guestBase: 0x1_1000, userBase: 0x7f99_0000_0000, byteCount: 0x1000, fileOffset: 0),
        ])
        let fixture = try QueueFixture(test: test)
        fixture.driver.nextBuffer = 0x1_1000 - 3
        fixture.driver.add(readable: [[1, 2, 3, 4, 5, 6]])
        #expect(try fixture.look() == [1, 2, 3, 4, 5, 6])
        #expect(fixture.pieceCount == 2)
    }

    @Test func aQueueGoesOnWhereTheOneBeforeStopped() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[1]])
        fixture.driver.add(readable: [[2]])
        _ = try fixture.look(chainLimit: 1)
        _ = fixture.consume(1)
        fixture.publish()
        try fixture.restart()
        #expect(try fixture.look() == [2])
        _ = fixture.consume(1)
        fixture.publish()
        #expect(fixture.driver.takeUsed().count == 2, "the used index goes on too")
    }

    @Test(arguments: [0, 3, 5, 6, 65536, 1 << 17, .max] as [UInt32]) func impossibleSizesAreRefused(size: UInt32) throws
    {
        let test = try TestMemory()
        let memory = try test.makeGuestMemory()
        let driver = MockDriver(memory: test, size: 8)
        #expect(throws: VirtqueueError.badSize(size)) {
            _ = try Virtqueue(driver.userAddresses, in: .user, size: size, base: 0, features: [], memory: memory)
        }
    }

    @Test func ringsMustLieInMemoryAndBeAligned() throws {
        let test = try TestMemory(byteCount: 0x2000)
        let memory = try test.makeGuestMemory()
        let base = TestMemory.usualUserBase
        func start(_ descriptors: UInt64, _ available: UInt64, _ used: UInt64) throws {
            _ = try Virtqueue(
                RingAddresses(descriptorTable: descriptors, availableRing: available, usedRing: used), in: .user,
                size: 8, base: 0,
                features: [], memory: memory)
        }
        try start(base, base + 0x100, base + 0x200)
        #expect(throws: VirtqueueError.misaligned(.descriptorTable, address: base + 8)) {
            try start(base + 8, base + 0x100, base + 0x200)
        }
        #expect(throws: VirtqueueError.misaligned(.availableRing, address: base + 0x101)) {
            try start(base, base + 0x101, base + 0x200)
        }
        #expect(throws: VirtqueueError.misaligned(.usedRing, address: base + 0x202)) {
            try start(base, base + 0x100, base + 0x202)
        }
        #expect(throws: VirtqueueError.ringOutsideMemory(.descriptorTable, address: base + 0x2000 - 0x70)) {
            try start(base + 0x2000 - 0x70, base, base + 0x200)
        }
        // 4 + 8 * 8 + 2 bytes: the last field is outside by one.
        #expect(throws: VirtqueueError.ringOutsideMemory(.usedRing, address: base + 0x2000 - 68)) {
            try start(base, base + 0x100, base + 0x2000 - 68)
        }
        #expect(throws: VirtqueueError.ringOutsideMemory(.availableRing, address: 0)) { try start(base, 0, base) }
    }
}
