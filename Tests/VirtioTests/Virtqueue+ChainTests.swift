import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("Virtqueue: chains that break a rule")
struct VirtqueueChainTests {
    typealias Raw = MockDriver.RawDescriptor

    /// Expects `error` for the oldest chain, and that nothing was taken.
    private func expect(_ error: VirtqueueError, _ fixture: QueueFixture, _ access: DescriptorAccess = .deviceReadable)
    {
        do throws(VirtqueueError) {
            _ = try fixture.look(access)
            Issue.record("the chain was accepted")
        } catch let thrown {
            #expect(thrown == error)
        }
        #expect(fixture.chainCount == 0)
        #expect(fixture.position == 0)
        fixture.checkInvariants()
    }

    @Test func anAvailableIndexTooFarAheadIsRefused() throws {
        let fixture = try QueueFixture()
        fixture.driver.setAvailableIndex(9)
        expect(.availableIndexTooFarAhead(9, position: 0, size: 8), fixture)
        fixture.driver.setAvailableIndex(.max)
        expect(.availableIndexTooFarAhead(.max, position: 0, size: 8), fixture)
    }

    @Test(arguments: [8, 9, .max] as [UInt16]) func aHeadOutsideTheTableIsRefused(head: UInt16) throws {
        let fixture = try QueueFixture()
        fixture.driver.makeAvailable(head)
        expect(.headOutOfRange(head, size: 8), fixture)
    }

    @Test(arguments: [8, 9, .max] as [UInt16]) func aNextOutsideTheTableIsRefused(next: UInt16) throws {
        let fixture = try QueueFixture()
        let buffer = fixture.driver.allocate(4)
        fixture.driver.write(Raw(address: buffer, length: 4, flags: MockDriver.next, next: next), atIndex: 0)
        fixture.driver.makeAvailable(0)
        expect(.nextOutOfRange(next, tableCount: 8), fixture)
    }

    @Test(arguments: 1...8) func aLoopOfAnyLengthIsRefused(length: Int) throws {
        let fixture = try QueueFixture()
        let buffer = fixture.driver.allocate(4)
        for index in 0..<length {
            let next = UInt16((index + 1) % length)
            fixture.driver.write(Raw(address: buffer, length: 4, flags: MockDriver.next, next: next), atIndex: index)
        }
        fixture.driver.makeAvailable(0)
        expect(.chainTooLong(tableCount: 8), fixture)
    }

    @Test func aChainAsLongAsTheTableIsLegal() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: (1...8).map { [UInt8($0)] })
        #expect(try fixture.look() == [1, 2, 3, 4, 5, 6, 7, 8])
    }

    @Test func spec_2_7_4_2_readableComesBeforeWritable() throws {
        let fixture = try QueueFixture()
        let buffer = fixture.driver.allocate(4)
        let head = fixture.driver.writeChain([
            Raw(address: buffer, length: 4, flags: MockDriver.write), Raw(address: buffer, length: 4),
        ])
        fixture.driver.makeAvailable(head)
        expect(.readableAfterWritable, fixture)
    }

    @Test func aReceiveqTakesNoReadableBuffers() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[1]], writable: [4])
        expect(.readableInReceiveQueue, fixture, .deviceWritable)
    }

    @Test(
        arguments: [
            (0, 1), (UInt64.max, 1), (UInt64.max - 3, 16), (TestMemory.usualBase - 1, 2),
            (TestMemory.usualBase + (1 << 20) - 1, 2), (TestMemory.usualBase, 1 << 21),
        ] as [(UInt64, UInt32)])
    func buffersOutsideMemoryAreRefused(address: UInt64, length: UInt32) throws {
        for access in [DescriptorAccess.deviceReadable, .deviceWritable] {
            let fixture = try QueueFixture()
            let flags = access == .deviceWritable ? MockDriver.write : 0
            let head = fixture.driver.writeChain([Raw(address: address, length: length, flags: flags)])
            fixture.driver.makeAvailable(head)
            expect(.bufferOutsideMemory(GuestAddress(address), byteCount: length), fixture, access)
        }
    }

    @Test func aBufferOfNoBytesMayPointAnywhere() throws {
        let fixture = try QueueFixture()
        let head = fixture.driver.writeChain([Raw(address: .max, length: 0)])
        fixture.driver.makeAvailable(head)
        #expect(try fixture.look() == [])
        #expect(fixture.chainCount == 1)
    }

    @Test func spec_2_7_5_2_aChainIsShorterThan4GiB() throws {
        // A sparse file: nothing of it is touched.
        let test = try TestMemory(regions: [
            .init(guestBase: 0x1_0000, userBase: 0x7f00_0000_0000, byteCount: 1 << 32, fileOffset: 0)
        ])
        let fixture = try QueueFixture(test: test)
        let head = fixture.driver.writeChain([
            Raw(address: 0x1_0000, length: .max), Raw(address: 0x1_0000, length: 1),
        ])
        fixture.driver.makeAvailable(head)
        expect(.chainTooLarge, fixture)
    }

    @Test func goodChainsBeforeABadOneAreServedFirst() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[1]])
        fixture.driver.add(readable: [[2]])
        fixture.driver.makeAvailable(99)
        #expect(try fixture.look() == [1, 2])
        #expect(fixture.consume(2).chains == 2)
        #expect(throws: VirtqueueError.headOutOfRange(99, size: 8)) { try fixture.look() }
    }

    @Test func aChainShorterThanWhatWasTakenOfItIsRefused() throws {
        let fixture = try QueueFixture()
        fixture.driver.add(readable: [[1, 2, 3]])
        #expect(try fixture.look(offset: 3) == [])
        #expect(fixture.chainCount == 1)
        #expect(throws: VirtqueueError.chainShorterThanTaken(byteCount: 3, taken: 4)) { try fixture.look(offset: 4) }
    }

    // MARK: Indirect tables

    @Test(arguments: [16, 8, 1] as [UInt64]) func anIndirectTableMayLieAnywhere(alignment: UInt64) throws {
        let fixture = try QueueFixture(size: 2)
        let buffers = (0..<5).map { UInt8($0) }.map { byte -> Raw in
            let address = fixture.driver.allocate(1)
            fixture.test.store([byte], at: address)
            return Raw(address: address, length: 1)
        }
        fixture.driver.addIndirect(buffers, tableAlignment: alignment)
        #expect(try fixture.look() == [0, 1, 2, 3, 4])
    }

    @Test func anIndirectTableMaySpanRegions() throws {
        let test = try TestMemory(regions: [
            .init(guestBase: 0x1_0000, userBase: 0x7f00_0000_0000, byteCount: 0x1000, fileOffset: 0x3000),
            .init(guestBase: 0x1_1000, userBase: 0x7f99_0000_0000, byteCount: 0x1000, fileOffset: 0),
        ])
        let fixture = try QueueFixture(test: test)
        let buffer = fixture.driver.allocate(2)
        fixture.test.store([5, 6], at: buffer)
        // The table's second entry lies across the border.
        let table: UInt64 = 0x1_1000 - 24
        fixture.driver.write(Raw(address: buffer, length: 1, flags: MockDriver.next, next: 1), at: table)
        fixture.driver.write(Raw(address: buffer + 1, length: 1), at: table + 16)
        let head = fixture.driver.writeChain([Raw(address: table, length: 32, flags: MockDriver.indirect)])
        fixture.driver.makeAvailable(head)
        #expect(try fixture.look() == [5, 6])
    }

    @Test func spec_2_7_5_3_2_normalDescriptorsMayComeBeforeAnIndirectOne() throws {
        let fixture = try QueueFixture()
        let buffer = fixture.driver.allocate(2)
        fixture.test.store([5, 6], at: buffer)
        let table = (fixture.driver.allocate(64) + 0xf) & ~0xf
        fixture.driver.write(Raw(address: buffer + 1, length: 1), at: table)
        // The WRITE flag of the descriptor that points to the table means nothing.
        let head = fixture.driver.writeChain([
            Raw(address: buffer, length: 1),
            Raw(address: table, length: 16, flags: MockDriver.indirect | MockDriver.write),
        ])
        fixture.driver.makeAvailable(head)
        #expect(try fixture.look() == [5, 6])
    }

    @Test func indirectMustBeNegotiated() throws {
        let fixture = try QueueFixture(features: [])
        fixture.driver.addIndirect([Raw(address: TestMemory.usualBase, length: 1)])
        expect(.indirectNotNegotiated, fixture)
    }

    @Test func spec_2_7_5_3_1_indirectIsLastAndNotNested() throws {
        let fixture = try QueueFixture()
        let table = (fixture.driver.allocate(64) + 0xf) & ~0xf
        let head = fixture.driver.writeChain([
            Raw(address: table, length: 16, flags: MockDriver.indirect), Raw(address: table, length: 1),
        ])
        fixture.driver.makeAvailable(head)
        expect(.indirectNotLast, fixture)

        let nested = try QueueFixture()
        nested.driver.addIndirect([Raw(address: TestMemory.usualBase, length: 16, flags: MockDriver.indirect)])
        expect(.indirectNotLast, nested)
    }

    @Test(arguments: [0, 1, 15, 17, 16 * 1025, .max] as [UInt32]) func impossibleTableSizesAreRefused(length: UInt32)
        throws
    {
        let fixture = try QueueFixture()
        let head = fixture.driver.writeChain([
            Raw(address: TestMemory.usualBase, length: length, flags: MockDriver.indirect)
        ])
        fixture.driver.makeAvailable(head)
        expect(.badIndirectTable(byteCount: length), fixture)
    }

    @Test func loopsAndWrongNextsOfAnIndirectTableAreRefused() throws {
        let fixture = try QueueFixture()
        let table = (fixture.driver.allocate(64) + 0xf) & ~0xf
        let buffer = fixture.driver.allocate(1)
        fixture.driver.write(Raw(address: buffer, length: 1, flags: MockDriver.next, next: 1), at: table)
        fixture.driver.write(Raw(address: buffer, length: 1, flags: MockDriver.next, next: 0), at: table + 16)
        let head = fixture.driver.writeChain([Raw(address: table, length: 32, flags: MockDriver.indirect)])
        fixture.driver.makeAvailable(head)
        expect(.chainTooLong(tableCount: 2), fixture)
        fixture.driver.write(Raw(address: buffer, length: 1, flags: MockDriver.next, next: 2), at: table + 16)
        expect(.nextOutOfRange(2, tableCount: 2), fixture)
    }

    @Test func anIndirectTableOutsideMemoryIsRefused() throws {
        let fixture = try QueueFixture()
        let end = TestMemory.usualBase + (1 << 20)
        for address in [0, end - 16, .max - 20] as [UInt64] {
            let head = fixture.driver.writeChain([Raw(address: address, length: 32, flags: MockDriver.indirect)])
            fixture.driver.setAvailableIndex(0)
            fixture.driver.makeAvailable(head)
            // The first entry may be inside, and lead to the second.
            if address == end - 16 {
                fixture.driver.write(
                    Raw(address: TestMemory.usualBase, length: 1, flags: MockDriver.next, next: 1), at: address)
            }
            expect(.bufferOutsideMemory(GuestAddress(address), byteCount: 32), fixture)
        }
    }
}
