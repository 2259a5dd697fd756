import Testing
import VirtioTestSupport

@testable import Virtio

/// A mock driver and a queue over the same ring.
///
/// A class with verbs of its own, because `#expect` cannot look into values that are not copyable.
final class QueueFixture {
    let test: TestMemory
    let driver: MockDriver
    let memory: GuestMemory
    var queue: Virtqueue
    var batch: ChainBatch

    init(
        size: Int = 8, features: VirtioFeatures = [.indirectDescriptors, .eventIndex], startingAt index: UInt16 = 0,
        test: TestMemory? = nil, chainCapacity: Int = 64, pieceCapacity: Int = 64
    ) throws {
        let test = try test ?? TestMemory()
        let driver = MockDriver(memory: test, size: size, base: test.regions[0].guestBase, startingAt: index)
        let memory = try test.makeGuestMemory()
        queue = try Virtqueue(
            driver.userAddresses, in: .user, size: UInt32(size), base: UInt32(index), features: features, memory: memory
        )
        batch = ChainBatch(chainCapacity: chainCapacity, pieceCapacity: pieceCapacity)
        self.test = test
        self.driver = driver
        self.memory = memory
    }

    /// Looks ahead and returns the readable bytes found.
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

    /// What a batch came to.
    struct Progress: Equatable {
        let chains: Int
        let rest: UInt32
    }

    func consume(_ byteCount: Int) -> Progress {
        let (chains, rest) = queue.pushConsumed(batch, byteCount: byteCount)
        return Progress(chains: chains, rest: rest)
    }

    func useFilled(_ byteCount: Int) -> Int { queue.pushFilled(batch, byteCount: byteCount) }
    func discard() { queue.pushDiscarded(batch) }
    func publish() { queue.publishUsed() }
    func shouldNotify() -> Bool { queue.shouldNotify() }
    func shouldNotify(mayWait: Bool) -> Bool { queue.shouldNotify(mayWait: mayWait) }
    var owesCall: Bool { queue.owesCall }
    func enableKicks(after count: UInt16 = 1) -> Bool { queue.enableNotifications(after: count) }
    var largestAvailableCount: Int { queue.largestAvailableCount }
    func disableKicks() { queue.disableNotifications() }
    func availableCount() throws(VirtqueueError) -> Int { try queue.availableCount() }
    var position: UInt16 { split.position }
    var publishedIndex: UInt16 { split.publishedIndex }
    private var split: SplitQueue {
        guard case .split(let split) = queue.layout else { preconditionFailure("the test has a split ring") }
        return split
    }
    var chainCount: Int { batch.chainCount }
    var byteCount: Int { batch.byteCount }
    var pieceCount: Int { batch.vectors.count }

    /// Starts the queue anew where it stands.
    func restart() throws(VirtqueueError) {
        queue = try Virtqueue(
            driver.guestAddresses, in: .guestPhysical, size: UInt32(driver.size), base: queue.base, features: [],
            memory: memory)
    }

    /// What must hold at any time between two verbs.
    func checkInvariants() {
        let size = split.ring.size
        let looked = split.lookPosition &- split.position
        let available = split.availableIndex &- split.position
        let unpublished = split.usedIndex &- split.publishedIndex
        #expect(looked <= size)
        #expect(available <= size)
        #expect(unpublished <= size)
    }
}
