import Testing
import VirtioTestSupport

@testable import Virtio

/// What a guest could do to a queue once, and no longer can.
@Suite("Virtqueue: regressions")
struct VirtqueueRegressionTests {
    /// Chains of no bytes fill neither the batch's bytes nor its pieces: only their descriptors can end a look.
    @Test func lookEndsAfterTheDescriptorsOfOneBatch() throws {
        let fixture = try QueueFixture(size: 64)
        let empty = MockDriver.RawDescriptor(address: TestMemory.usualBase, length: 0)
        let head = fixture.driver.addIndirect(Array(repeating: empty, count: Virtqueue.maximumIndirectCount))
        // The same table again and again is a driver's own business.
        for _ in 1..<16 { fixture.driver.makeAvailable(head) }
        #expect(try fixture.look() == [])
        #expect(fixture.chainCount == Virtqueue.descriptorsPerBatch / Virtqueue.maximumIndirectCount)
        #expect(fixture.chainCount < 16)

        // What was left is not lost: it is looked at next.
        var usedCount = 0
        while fixture.chainCount > 0 {
            usedCount += fixture.consume(0).chains
            _ = try fixture.look()
        }
        #expect(usedCount == 16)
    }

    /// Two chains for one piece: the second was in the batch with none of its bytes, and went back to the driver as if it were full.
    @Test func chainThatFoundNoRoomIsNotUsedWithNothingInIt() throws {
        let fixture = try QueueFixture(pieceCapacity: 1)
        fixture.driver.add(writable: [8])
        fixture.driver.add(writable: [8])
        for value: UInt8 in 1...2 {
            _ = try fixture.look(.deviceWritable)
            #expect(fixture.chainCount == 1)
            fixture.fill(Array(repeating: value, count: 8))
            #expect(fixture.useFilled(8) == 1)
            fixture.publish()
            #expect(fixture.driver.takeUsed().map(\.length) == [8])
        }
    }

    /// Whatever the batch has room for: a chain with room for bytes never comes back empty, and none is missing a byte but the one that was cut.
    @Test(arguments: 1...7)
    func chainsWithRoomAreNeverUsedEmpty(pieceCapacity: Int) throws {
        let fixture = try QueueFixture(size: 16, pieceCapacity: pieceCapacity)
        for _ in 0..<4 { fixture.driver.add(writable: [8, 8, 8]) }
        var lengths: [UInt32] = []
        for _ in 0..<4 where lengths.count < 4 {
            _ = try fixture.look(.deviceWritable)
            #expect(fixture.chainCount == (pieceCapacity + 2) / 3 || lengths.count + fixture.chainCount == 4)
            _ = fixture.useFilled(fixture.byteCount)
            fixture.publish()
            lengths += fixture.driver.takeUsed().map(\.length)
        }
        #expect(lengths.count == 4)
        #expect(lengths.allSatisfy { $0 > 0 })
    }

    /// A batch in which nothing was received gives every chain with room back to nobody.
    @Test func nothingReceivedUsesNoChainWithRoom() throws {
        let fixture = try QueueFixture(pieceCapacity: 2)
        for _ in 0..<2 { fixture.driver.add(writable: [8, 8]) }
        _ = try fixture.look(.deviceWritable)
        #expect(fixture.useFilled(0) == 0)
        #expect(fixture.position == 0)
    }

    /// Without history a call is made rather than missed, but not for nothing: a paused guest whose queues start again is not called for each.
    @Test(arguments: [VirtioFeatures.eventIndex, []], [UInt16(0), 65_535])
    func startWithNothingUsedCallsNobody(features: VirtioFeatures, position: UInt16) throws {
        let fixture = try QueueFixture(features: features, startingAt: position)
        fixture.driver.add(readable: [[1]])
        #expect(!fixture.shouldNotify())
        _ = try fixture.look()
        fixture.publish()
        #expect(!fixture.shouldNotify())
        // The first chain that is used is called for all the same.
        _ = fixture.consume(1)
        fixture.publish()
        #expect(fixture.shouldNotify())
        #expect(!fixture.shouldNotify())
    }
}
