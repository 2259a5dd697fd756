import Testing
import VirtioTestSupport

@testable import Virtio

/// A mock driver and a queue over the same packed ring.
///
/// A class with verbs of its own, because `#expect` cannot look into values that are not copyable.
final class PackedQueueFixture {
    let test: TestMemory
    let driver: PackedMockDriver
    let memory: GuestMemory
    var queue: Virtqueue
    var batch: ChainBatch

    /// `word` is where both sides begin: the slot, and the wrap counter in bit 15.
    init(
        size: Int = 8, features: VirtioFeatures = [.indirectDescriptors, .eventIndex], startingAt word: UInt16 = 0x8000,
        test: TestMemory? = nil, pieceCapacity: Int = 64
    ) throws {
        let test = try test ?? TestMemory()
        let driver = PackedMockDriver(memory: test, size: size, base: test.regions[0].guestBase, startingAt: word)
        let memory = try test.makeGuestMemory()
        queue = try Virtqueue(
            driver.userAddresses, in: .user, size: UInt32(size), base: UInt32(word) * 0x1_0001,
            features: features.union(.packedRing), memory: memory)
        batch = ChainBatch(chainCapacity: 64, pieceCapacity: pieceCapacity)
        self.test = test
        self.driver = driver
        self.memory = memory
    }

    /// Looks ahead and returns the bytes found.
    func look(
        _ access: DescriptorAccess = .deviceReadable, offset: UInt32 = 0, byteLimit: Int = .max, chainLimit: Int = .max
    ) throws(VirtqueueError) -> [UInt8] {
        try queue.lookAhead(
            access, into: &batch, memory: memory, offset: offset, byteLimit: byteLimit, chainLimit: chainLimit)
        var bytes = [UInt8](repeating: 0, count: batch.byteCount)
        let copied = unsafe bytes.withUnsafeMutableBytes { unsafe batch.vectors.copyBytes(into: $0) }
        precondition(copied == bytes.count)
        return bytes
    }

    /// Writes bytes into the buffers that a look found.
    func fill(_ bytes: [UInt8]) {
        _ = unsafe bytes.withUnsafeBytes { unsafe batch.vectors.copyBytes(from: $0) }
    }

    func consume(_ byteCount: Int) -> QueueFixture.Progress {
        let (chains, rest) = queue.pushConsumed(batch, byteCount: byteCount)
        return QueueFixture.Progress(chains: chains, rest: rest)
    }

    func useFilled(_ byteCount: Int) -> Int { queue.pushFilled(batch, byteCount: byteCount) }
    func publish() { queue.publishUsed() }
    func shouldNotify() -> Bool { queue.shouldNotify() }
    func shouldNotify(mayWait: Bool) -> Bool { queue.shouldNotify(mayWait: mayWait) }
    var owesCall: Bool { queue.owesCall }
    func enableKicks(after count: UInt16 = 1) -> Bool { queue.enableNotifications(after: count) }
    func disableKicks() { queue.disableNotifications() }
    func hasAvailable(_ count: UInt16) -> Bool { queue.hasAvailable(count) }
    func availableCount() throws(VirtqueueError) -> Int { try queue.availableCount() }
    var largestAvailableCount: Int { queue.largestAvailableCount }
    var base: UInt32 { queue.base }
    var chainCount: Int { batch.chainCount }

    /// Offers chains, takes them all, and takes them back.
    func spend(_ descriptorCounts: [Int]) throws {
        driver.nextBuffer = TestMemory.usualBase + 0x4_0000
        for count in descriptorCounts { driver.add(readable: Array(repeating: [1], count: count)) }
        let byteCount = try look().count
        #expect(consume(byteCount).chains == descriptorCounts.count)
        publish()
        #expect(driver.takeUsed().count == descriptorCounts.count)
    }

    /// Starts the queue anew, where it stands when nothing else is said.
    func restart(at base: UInt32? = nil, features: VirtioFeatures = []) throws(VirtqueueError) {
        queue = try Virtqueue(
            driver.guestAddresses, in: .guestPhysical, size: UInt32(driver.size), base: base ?? queue.base,
            features: features.union(.packedRing), memory: memory)
    }

    /// What must hold at any time between two verbs: places are in the ring, and the used place is not behind it.
    func checkInvariants() {
        guard case .packed(let packed) = queue.layout else { preconditionFailure("the test has a packed ring") }
        for place in [packed.position, packed.lookPosition, packed.usedPosition] {
            #expect(Int(place.slot) < driver.size)
        }
        #expect(packed.position == packed.usedPosition, "all chains are used in order, from one place on")
    }
}
