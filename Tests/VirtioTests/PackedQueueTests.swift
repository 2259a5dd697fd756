import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("PackedQueue")
struct PackedQueueTests {
    static let sizes = [1, 2, 3, 5, 7, 8, 64, 1000]

    /// Chains of every length that fits, until the end of the ring has been passed in many places.
    @Test(arguments: sizes) func chainsOfAnyLengthGoOverTheEndOfTheRing(size: Int) throws {
        let fixture = try PackedQueueFixture(size: size, pieceCapacity: 1024)
        for round in 0..<(size > 100 ? 8 : 4 * size + 4) {
            let length = size > 100 ? [1, 999, 1000, 333][round % 4] : round % size + 1
            fixture.driver.nextBuffer = TestMemory.usualBase + 0x2_0000
            let bytes = (0..<length).map { UInt8(truncatingIfNeeded: $0 + round) }
            let (id, _) = fixture.driver.add(readable: bytes.map { [$0] })
            #expect(try fixture.look() == bytes)
            #expect(fixture.consume(length) == .init(chains: 1, rest: 0))
            fixture.publish()
            #expect(fixture.driver.takeUsed() == [.init(id: id, length: 0, isWritten: false)])
            #expect(fixture.base == UInt32(fixture.driver.availablePlace.word) * 0x1_0001)
            #expect(try fixture.look() == [], "what is used is not available")
            fixture.checkInvariants()
        }
    }

    @Test func usedDescriptorTellsHowMuchWasWritten() throws {
        let fixture = try PackedQueueFixture(size: 5)
        let (first, firstPlaces) = fixture.driver.add(writable: [3, 4])
        let (second, secondPlaces) = fixture.driver.add(writable: [5])
        let (third, _) = fixture.driver.add(writable: [0])
        _ = try fixture.look(.deviceWritable)
        fixture.fill([1, 2, 3, 4, 5, 6, 7, 8, 9])
        #expect(fixture.useFilled(9) == 3, "a chain of no bytes is used wherever it is met")
        fixture.publish()
        #expect(
            fixture.driver.takeUsed() == [
                .init(id: first, length: 7, isWritten: true), .init(id: second, length: 2, isWritten: true),
                .init(id: third, length: 0, isWritten: false),
            ])
        #expect(fixture.test.load(byteCount: 3, at: firstPlaces[0]) == [1, 2, 3])
        #expect(fixture.test.load(byteCount: 4, at: firstPlaces[1]) == [4, 5, 6, 7])
        #expect(fixture.test.load(byteCount: 5, at: secondPlaces[0]) == [8, 9, 0, 0, 0])
    }

    /// The driver looks at used descriptors in order, so it is the first of a batch that shows all of them.
    @Test(arguments: [0x8000, 0x8003, 0x0006] as [UInt16])
    func nothingIsUsedForTheDriverBeforePublish(start: UInt16) throws {
        let fixture = try PackedQueueFixture(startingAt: start)
        for _ in 0..<3 { fixture.driver.add(readable: [[1], [2]]) }
        _ = try fixture.look()
        #expect(fixture.consume(2).chains == 1)
        #expect(fixture.driver.takeUsed() == [])
        _ = try fixture.look()
        #expect(fixture.consume(4).chains == 2)
        #expect(fixture.driver.takeUsed() == [])
        #expect(!fixture.owesCall)
        fixture.publish()
        #expect(fixture.owesCall)
        #expect(fixture.driver.takeUsed().count == 3)
        fixture.publish()
        #expect(fixture.driver.takeUsed() == [], "publishing nothing shows nothing")
    }

    @Test func indirectTableTakesOneSlotAndAllItsEntries() throws {
        let fixture = try PackedQueueFixture(size: 3)
        for round in 0..<7 {
            let entries = (0..<20).map { index -> PackedMockDriver.RawDescriptor in
                let place = fixture.driver.allocate(1)
                fixture.test.store([UInt8(index)], at: place)
                return .init(address: place, length: 1)
            }
            // AVAIL, USED, NEXT and INDIRECT mean nothing in a table (§2.8.7).
            let flags: UInt16 = [0, 1, 4, 0x8085, 0xfffd][round % 5]
            let id = fixture.driver.addIndirect(entries, tableAlignment: UInt64(round), tableFlags: flags)
            fixture.driver.add(readable: [[99]])
            #expect(try fixture.look() == (0..<20).map(UInt8.init) + [99])
            #expect(fixture.consume(21).chains == 2)
            fixture.publish()
            #expect(fixture.driver.takeUsed().first == .init(id: id, length: 0, isWritten: false))
        }
    }

    // MARK: Bases

    @Test func chainTakenInPartIsOfferedAgainAtTheBase() throws {
        let fixture = try PackedQueueFixture(size: 5)
        #expect(fixture.base == 0x8000_8000)
        try fixture.spend([1, 2])
        fixture.driver.add(readable: [[1, 2], [3, 4]])
        fixture.driver.add(readable: [[5, 6]])
        #expect(try fixture.look() == [1, 2, 3, 4, 5, 6])
        #expect(fixture.consume(3) == .init(chains: 0, rest: 3))
        fixture.publish()
        #expect(fixture.base == 0x8003_8003)
        try fixture.restart()
        #expect(try fixture.look(offset: 3) == [4, 5, 6])
        #expect(fixture.consume(2) == .init(chains: 1, rest: 1))
        fixture.publish()
        #expect(fixture.base == 0, "the end was passed: slot 0, and the counter is 0")
        try fixture.restart()
        #expect(try fixture.look(offset: 1) == [6])
        #expect(fixture.consume(1) == .init(chains: 1, rest: 0))
        fixture.publish()
        #expect(fixture.driver.takeUsed().count == 2)
        #expect(fixture.base == 0x0001_0001)
    }

    /// Another back-end may have left its used place elsewhere.
    @Test func placesOfTheBaseNeedNotBeTheSame() throws {
        let fixture = try PackedQueueFixture(size: 5)
        try fixture.restart(at: 0x8003_8000)
        fixture.driver.add(readable: [[1], [2], [3]])
        #expect(try fixture.look() == [1, 2, 3])
        _ = fixture.consume(3)
        #expect(fixture.base == 0x0001_8003)
        fixture.publish()
        #expect(fixture.driver.flags(inSlot: 3) == 0x8080)
    }

    @Test(arguments: [0x8005_8000, 0x8000_8005, 0x7fff_8000, 0x8000_0005] as [UInt32])
    func baseOutsideTheRingIsRefused(base: UInt32) throws {
        let fixture = try PackedQueueFixture(size: 5)
        #expect(throws: VirtqueueError.badBase(base)) { try fixture.restart(at: base) }
    }

    // MARK: Counting

    @Test(arguments: [0x8000, 0x8005, 0x0007] as [UInt16]) func availableChainsAreCounted(start: UInt16) throws {
        let fixture = try PackedQueueFixture(startingAt: start)
        #expect(try fixture.availableCount() == 0)
        #expect(fixture.largestAvailableCount == 0)
        for count in 1...4 {
            fixture.driver.add(readable: [[1], [2]])
            #expect(try fixture.availableCount() == count)
        }
        _ = try fixture.look()
        #expect(try fixture.availableCount() == 4, "looking takes nothing")
        _ = fixture.consume(4)
        #expect(try fixture.availableCount() == 2, "what is used is not available, shown or not")
        #expect(fixture.largestAvailableCount == 4)
    }

    @Test(arguments: 1...4, [0x8000, 0x8002, 0x0001, 0x0002] as [UInt16])
    func slotsThatAreAvailableAreTold(size: Int, start: UInt16) throws {
        guard Int(start & 0x7fff) < size else { return }
        let fixture = try PackedQueueFixture(size: size, startingAt: start)
        for offered in 0...size {
            for count in 1...UInt16(size) {
                #expect(fixture.hasAvailable(count) == (offered >= Int(count)))
            }
            if offered < size { fixture.driver.add(readable: [[1]]) }
        }
    }
}
