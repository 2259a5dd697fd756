import Virtio

/// A hostile driver on one ring, of the layout that the model has. Everything is compared with the model: which chains
/// are found, each piece of their memory, and each byte that is written.
final class RingTarget<Model: RingModel>: FuzzTarget {
    private let image: GuestImage
    /// A batch that is soon full, one of few pieces, and one as large as the daemon's.
    private let batches: [ScratchBatch]

    init() throws {
        image = try GuestImage()
        batches = [
            ScratchBatch(chainCapacity: 3, pieceCapacity: 2), ScratchBatch(chainCapacity: 64, pieceCapacity: 5),
            ScratchBatch(chainCapacity: 256, pieceCapacity: 1024),
        ]
    }

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        image.reset()
        var base: UInt32?
        // Rings come and go, memory stays.
        while !source.isAtEnd {
            base = try runRing(&source, after: base)
        }
    }

    /// Starts a ring and plays with it until it ends; returns where it stood.
    private func runRing(_ source: inout ByteSource, after base: UInt32?) throws(OracleFailure) -> UInt32? {
        let setup = source.nextRingSetup(feature: Model.feature, after: base)
        let model = Model(setup, image)
        let queue: Virtqueue
        do throws(VirtqueueError) {
            queue = try Virtqueue(
                setup.addresses, in: setup.space, size: setup.size, base: setup.base, features: setup.features,
                memory: image.memory)
        } catch {
            try expect(model == nil, "a ring is refused (\(error)): \(setup)")
            return base
        }
        guard let model else { throw OracleFailure("a ring is taken: \(setup)") }
        var run = RingRun(queue: queue, model: model, image: image, hasEventIndex: setup.hasEventIndex)
        while !source.isAtEnd, try run.step(&source, batch: batches[source.choose(batches.count)]) {}
        return run.base
    }
}

/// A batch in an array: an array's elements are copyable.
final class ScratchBatch {
    let chainCapacity: Int
    var batch: ChainBatch

    init(chainCapacity: Int, pieceCapacity: Int) {
        self.chainCapacity = chainCapacity
        batch = ChainBatch(chainCapacity: chainCapacity, pieceCapacity: pieceCapacity)
    }
}
