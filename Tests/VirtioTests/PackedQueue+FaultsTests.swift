import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("PackedQueue: chains that break a rule")
struct PackedQueueFaultsTests {
    typealias Raw = PackedMockDriver.RawDescriptor

    /// Expects `error` for the oldest chain, and that nothing was taken.
    private func expect(
        _ error: VirtqueueError, _ fixture: PackedQueueFixture, _ access: DescriptorAccess = .deviceReadable
    ) {
        let base = fixture.base
        #expect(throws: error) { try fixture.look(access) }
        #expect(fixture.chainCount == 0)
        #expect(fixture.base == base)
        fixture.checkInvariants()
    }

    private let buffer = TestMemory.usualBase + 0x8000

    @Test(arguments: [8, 9, .max] as [UInt16]) func idOutsideTheRingIsRefused(id: UInt16) throws {
        let fixture = try PackedQueueFixture()
        fixture.driver.offerRaw(Raw(address: buffer, length: 4, id: id))
        expect(.bufferIDOutOfRange(id, size: 8), fixture)
    }

    @Test(arguments: [1, 2, 3, 8]) func chainLongerThanTheRingIsRefused(size: Int) throws {
        let fixture = try PackedQueueFixture(size: size)
        for _ in 0..<size { fixture.driver.offerRaw(Raw(address: buffer, length: 4, flags: PackedMockDriver.next)) }
        expect(.chainTooLong(tableCount: size), fixture)
    }

    @Test(arguments: 1...7) func chainThatIsNotWhollyAvailableIsRefused(offered: Int) throws {
        let fixture = try PackedQueueFixture()
        for _ in 0..<offered { fixture.driver.offerRaw(Raw(address: buffer, length: 4, flags: PackedMockDriver.next)) }
        expect(.chainNotWhollyAvailable(slot: UInt16(offered)), fixture)
    }

    @Test func chainBrokenBehindAGoodOneIsLeftForTheNextTurn() throws {
        let fixture = try PackedQueueFixture(size: 5)
        fixture.driver.add(readable: [[1], [2]])
        fixture.driver.offerRaw(Raw(address: buffer, length: 4, id: 100))
        #expect(try fixture.look() == [1, 2])
        #expect(fixture.consume(2).chains == 1)
        fixture.publish()
        expect(.bufferIDOutOfRange(100, size: 5), fixture)
        #expect(fixture.base == 0x8002_8002)
    }

    @Test func indirectTableThatGoesOnIsRefused() throws {
        let fixture = try PackedQueueFixture()
        let flags = PackedMockDriver.indirect | PackedMockDriver.next
        fixture.driver.offerRaw(Raw(address: buffer, length: 16, flags: flags))
        fixture.driver.offerRaw(Raw(address: buffer, length: 4))
        expect(.indirectNotLast, fixture)
    }

    /// A split ring's chain may end in a table, a packed ring's is one descriptor then (§2.8.19).
    @Test(arguments: 1...7) func indirectTableBehindOthersIsRefused(count: Int) throws {
        let fixture = try PackedQueueFixture()
        let others = Array(repeating: Raw(address: buffer, length: 4), count: count)
        fixture.driver.addChain(others + [Raw(address: buffer, length: 16, flags: PackedMockDriver.indirect)])
        expect(.indirectNotFirst, fixture)
    }

    @Test func indirectTableNeedsTheFeature() throws {
        let fixture = try PackedQueueFixture(features: .eventIndex)
        fixture.driver.addIndirect([Raw(address: buffer, length: 4)])
        expect(.indirectNotNegotiated, fixture)
    }

    @Test(arguments: [0, 1, 15, 17, 16 * 1024 + 16, UInt32.max] as [UInt32])
    func indirectTableOfABadLengthIsRefused(byteCount: UInt32) throws {
        let fixture = try PackedQueueFixture()
        fixture.driver.offerRaw(Raw(address: buffer, length: byteCount, flags: PackedMockDriver.indirect))
        expect(.badIndirectTable(byteCount: byteCount), fixture)
    }

    @Test func indirectTableOutsideMemoryIsRefused() throws {
        let fixture = try PackedQueueFixture()
        fixture.driver.offerRaw(Raw(address: 1 << 60, length: 16, flags: PackedMockDriver.indirect))
        expect(.bufferOutsideMemory(GuestAddress(1 << 60), byteCount: 16), fixture)
    }

    @Test func buffersInTheWrongOrderOrDirectionAreRefused() throws {
        let wrongOrder = try PackedQueueFixture()
        wrongOrder.driver.addChain([
            Raw(address: buffer, length: 4, flags: PackedMockDriver.write), Raw(address: buffer, length: 4),
        ])
        expect(.readableAfterWritable, wrongOrder)
        let wrongDirection = try PackedQueueFixture()
        wrongDirection.driver.add(readable: [[1]])
        expect(.readableInReceiveQueue, wrongDirection, .deviceWritable)
        let tooLarge = try PackedQueueFixture()
        tooLarge.driver.addChain([Raw(address: buffer, length: 4), Raw(address: buffer, length: .max)])
        expect(.chainTooLarge, tooLarge)
    }

    /// All flags of two descriptors, at both counters: a walk ends, and takes nothing by itself.
    @Test func noFlagsLeadOutOfTheRing() throws {
        let test = try TestMemory(byteCount: 0x1_0000)
        let bits: [UInt16] = [1, 2, 4, 1 << 7, 1 << 15]
        let choices = (0..<32).map { mask in
            bits.indices.reduce(UInt16(0)) { $0 | (mask >> $1 & 1 == 1 ? bits[$1] : 0) }
        }
        for start: UInt16 in [0x8000, 0x8001, 0, 1] {
            let fixture = try PackedQueueFixture(size: 2, startingAt: start, test: test)
            for first in choices {
                for second in choices {
                    for (slot, flags) in [first, second].enumerated() {
                        fixture.driver.write(
                            Raw(address: TestMemory.usualBase, length: 16, id: 1, flags: flags), atSlot: slot)
                    }
                    _ = try? fixture.look()
                    _ = try? fixture.look(.deviceWritable)
                    #expect(fixture.chainCount <= 2)
                    #expect(fixture.base == UInt32(start) * 0x1_0001)
                }
            }
        }
    }

    /// A later slot alone is nothing to go on with: whoever was told to look again would look for ever.
    @Test(arguments: 2...8 as ClosedRange<UInt16>) func slotBehindAGapIsNotAvailable(count: UInt16) throws {
        let fixture = try PackedQueueFixture(size: 8)
        fixture.driver.setFlags(PackedMockDriver.available, inSlot: Int(count) - 1)
        #expect(!fixture.enableKicks(after: count))
        #expect(!fixture.hasAvailable(count))
        #expect(try fixture.look() == [])
    }
}
