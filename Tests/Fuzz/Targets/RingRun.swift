import Glibc
import Virtio

/// One ring while it runs: the device's and the model's, one step of each at a time.
struct RingRun<Model: RingModel>: ~Copyable {
    private var queue: Virtqueue
    private var model: Model
    private let image: GuestImage
    private let hasEventIndex: Bool
    /// How many bytes of the oldest chain were moved, as a port keeps it.
    private var taken = 0
    private var wantsWritable = false

    init(queue: consuming Virtqueue, model: Model, image: GuestImage, hasEventIndex: Bool) {
        self.queue = queue
        self.model = model
        self.image = image
        self.hasEventIndex = hasEventIndex
    }

    var base: UInt32 { queue.base }

    /// Does what the source says next; false when the ring has ended.
    mutating func step(_ source: inout ByteSource, batch: ScratchBatch) throws(OracleFailure) -> Bool {
        let action = source.choose(16)
        switch action {
        case 0...2: offerChain(&source)
        case 3: offerTable(&source)
        case 4: image.store(source.take(1 + source.choose(16)), guest: source.nextAddress())
        case 5: writeRing(&source)
        case 6...12:
            let isServed = try serve(&source, batch)
            try checkState("serving")
            return isServed
        case 13:
            queue.publishUsed()
            model.publish()
            try checkState("publishing")
            try checkCall(mayWait: source.nextBool())
        case 14: try checkKicks(&source)
        default: return false
        }
        return true
    }

    // MARK: The driver

    private mutating func offerChain(_ source: inout ByteSource) {
        model.offer((0...source.choose(4)).map { _ in source.nextDescriptor() })
    }

    private mutating func offerTable(_ source: inout ByteSource) {
        let entries = (0...source.choose(6)).map { _ in source.nextDescriptor() }
        let address = source.nextAddress()
        for (index, entry) in entries.enumerated() {
            var linked = entry
            if index + 1 < entries.count, source.choose(8) != 0 {
                linked.flags |= ModelDescriptor.next
                linked.link = UInt16(index + 1)
            }
            model.write(linked, guest: address &+ UInt64(16 * index))
        }
        let byteCount = source.choose(8) == 0 ? source.next(UInt32.self) : UInt32(16 * entries.count)
        model.offer([
            ModelDescriptor(
                address: address, byteCount: byteCount, flags: ModelDescriptor.indirect, link: UInt16(source.next()))
        ])
    }

    /// Raw bytes at the place that the device reads next, or anywhere in the ring.
    private func writeRing(_ source: inout ByteSource) {
        let area = source.choose(from: model.driverAreas)
        let offset = Int(source.next(UInt16.self)) % area.byteCount
        for (index, byte) in source.take(1 + source.choose(8)).enumerated() where offset + index < area.byteCount {
            image.store(byte, at: area.offset + offset + index)
        }
    }

    // MARK: The device

    /// Looks at chains, and uses some of them; false when the ring is broken.
    private mutating func serve(_ source: inout ByteSource, _ scratch: ScratchBatch) throws(OracleFailure) -> Bool {
        let use = source.choose(4)
        wantsWritable = use < 2 ? false : use == 2 ? true : source.nextBool()
        let limits = (
            byteLimit: source.nextBool() ? Int.max : Int(source.next()),
            chainLimit: source.nextBool() ? Int.max : Int(source.next() & 7)
        )
        let offset = wantsWritable ? 0 : taken
        let expected = look(scratch, limits.byteLimit, limits.chainLimit, skip: offset)
        do throws(VirtqueueError) {
            try queue.lookAhead(
                wantsWritable ? .deviceWritable : .deviceReadable, into: &scratch.batch, memory: image.memory,
                offset: UInt32(offset), byteLimit: limits.byteLimit, chainLimit: limits.chainLimit)
        } catch {
            guard let expected else { return false }
            throw OracleFailure("a ring is broken (\(error)) that has \(expected.chains.count) chains")
        }
        guard let expected else { throw OracleFailure("a broken ring is served") }
        try expect(
            scratch.batch.chainCount == expected.chains.count,
            "\(scratch.batch.chainCount) chains found of \(expected.chains)")
        let pieces = unsafe scratch.batch.vectors.withPieces { pieces in
            unsafe pieces.map { unsafe HostPiece(address: UInt(bitPattern: $0.iov_base), byteCount: $0.iov_len) }
        }
        try expect(pieces == expected.pieces, "\(pieces) found of \(expected.pieces)")
        let byteCount = source.nextBool() ? scratch.batch.byteCount : source.nextInt(upTo: scratch.batch.byteCount)
        switch use {
        case 0, 1: try consume(expected, scratch, byteCount)
        case 2: try fill(expected, scratch, byteCount)
        default: try discard(expected, scratch)
        }
        return true
    }

    /// The batch as it must be; nil when the oldest chain is broken.
    private mutating func look(
        _ scratch: ScratchBatch, _ byteLimit: Int, _ chainLimit: Int, skip: Int
    ) -> ModelBatch? {
        var batch = ModelBatch()
        let capacity = scratch.batch.vectors.capacity
        model.rewind()
        defer { model.rewind() }
        while batch.chains.count < min(scratch.chainCapacity, chainLimit), batch.byteCount < byteLimit,
            batch.descriptorCount < Virtqueue.descriptorsPerBatch
        {
            switch model.look(wantsWritable: wantsWritable, skip: batch.chains.isEmpty ? skip : 0) {
            case .nothing: return batch
            case .broken: return batch.chains.isEmpty ? nil : batch
            case .chain(let chain):
                guard batch.append(chain, pieceCapacity: capacity) else { return batch }
            }
        }
        return batch
    }

    private mutating func consume(
        _ expected: ModelBatch, _ scratch: ScratchBatch, _ byteCount: Int
    ) throws(OracleFailure) {
        let result = queue.pushConsumed(scratch.batch, byteCount: byteCount)
        var left = byteCount
        var chainCount = 0
        for chain in expected.chains {
            guard chain.mappedByteCount == chain.wantedByteCount, left >= chain.wantedByteCount else { break }
            left -= chain.wantedByteCount
            model.use(chain, written: 0)
            chainCount += 1
        }
        try expect(
            result.chainCount == chainCount && Int(result.rest) == left,
            "\(result) after \(byteCount) bytes of \(expected.chains)")
        taken = chainCount == 0 ? taken + left : left
    }

    private mutating func fill(
        _ expected: ModelBatch, _ scratch: ScratchBatch, _ byteCount: Int
    ) throws(OracleFailure) {
        try write(byteCount, into: expected)
        let used = queue.pushFilled(scratch.batch, byteCount: byteCount)
        var left = byteCount
        var chainCount = 0
        for chain in expected.chains {
            guard left > 0 || chain.mappedByteCount == 0 else { break }
            let written = min(left, chain.mappedByteCount)
            left -= written
            model.use(chain, written: written)
            chainCount += 1
        }
        try expect(used == chainCount, "\(used) chains used by \(byteCount) bytes of \(expected.chains)")
        taken = chainCount == 0 ? taken : 0
    }

    /// Does what recvmsg(2) does, to the memory and to what it must hold.
    private func write(_ byteCount: Int, into batch: ModelBatch) throws(OracleFailure) {
        var left = byteCount
        for piece in batch.pieces {
            let count = min(left, piece.byteCount)
            guard count > 0 else { break }
            guard let offset = image.fileOffset(ofHost: piece.address, byteCount: count) else {
                throw OracleFailure("\(piece) is no memory of the guest")
            }
            image.fill(count, at: offset)
            left -= count
        }
    }

    private mutating func discard(_ expected: ModelBatch, _ scratch: ScratchBatch) throws(OracleFailure) {
        let byteCount = queue.pushDiscarded(scratch.batch)
        for chain in expected.chains {
            model.use(chain, written: 0)
        }
        let wanted = expected.chains.reduce(0) { $0 + $1.wantedByteCount }
        try expect(byteCount == UInt64(wanted), "\(byteCount) bytes thrown away of \(wanted)")
        taken = expected.chains.isEmpty ? taken : 0
    }

    // MARK: Checks

    private func checkState(_ occasion: String) throws(OracleFailure) {
        try expect(queue.base == model.base, "after \(occasion): base \(queue.base) and not \(model.base)")
        try expect(queue.owesCall == model.owesCall, "after \(occasion): a call is owed: \(queue.owesCall)")
        try image.check(occasion)
    }

    private mutating func checkCall(mayWait: Bool) throws(OracleFailure) {
        let owed = queue.owesCall
        let isCalled = queue.shouldNotify(mayWait: mayWait)
        try expect(owed || !isCalled, "a call for nothing")
        if !mayWait || !queue.owesCall {
            model.settleCall()
        }
        try checkState("a call")
    }

    private mutating func checkKicks(_ source: inout ByteSource) throws(OracleFailure) {
        let count = UInt16(1 + source.choose(min(model.size, 256)))
        switch source.choose(4) {
        case 0:
            queue.disableNotifications()
            model.disableKicks()
        case 1:
            let isThere = queue.enableNotifications(after: count)
            model.enableKicks(after: hasEventIndex ? count : 1)
            try expect(
                isThere == model.hasAvailable(hasEventIndex ? count : 1), "\(count) chains are available: \(isThere)")
        case 2:
            let isThere = queue.hasAvailable(count)
            try expect(isThere == model.hasAvailable(count), "\(count) chains are available: \(isThere)")
        default:
            let found = try? queue.availableCount()
            let expected = model.availableCount()
            try expect(found == expected, "\(found ?? -1) chains are available and not \(expected ?? -1)")
        }
        try checkState("kicks")
    }
}
