import CLinux

/// Walking chains: every rule that a driver must obey is checked here, before one byte of the chain is touched.
extension Virtqueue {
    /// Looks at the chain after the one looked at last, and appends the host memory of its buffers to `vectors`.
    ///
    /// Nothing is taken by it: ``rewind()`` forgets it. The whole chain is validated, the part that does not fit
    /// `vectors` too: every index is inside its table, it does not loop, readable buffers come before writable ones, it
    /// is shorter than 4 GiB, and every buffer lies in `memory` (it may span adjacent regions).
    ///
    /// - Parameters:
    ///   - access: which half of the chain to map. Writable buffers of a transmitq's chain are left alone.
    ///   - offset: how many bytes of that half to leave out, because they were moved before.
    ///   - vectors: appended to as far as there is room; unchanged when this throws.
    ///   - memory: the table that the queue was started with.
    /// - Returns: nil when the driver has offered nothing more.
    /// - Throws: ``VirtqueueError``; the position is unchanged.
    /// - Source: virtio 1.3 §2.7.4.2, §2.7.5.2, §2.7.5.3, §2.7.6.
    mutating func next(
        _ access: DescriptorAccess, offset: UInt32, into vectors: inout IOVectors, memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> Chain? {
        if lookPosition == availableIndex {
            try refreshAvailableIndex()
            guard lookPosition != availableIndex else { return nil }
        }
        let head = ring.availableHead(at: lookPosition)
        guard head < ring.size else { throw .headOutOfRange(head, size: ring.size) }

        let mark = vectors.mark
        var walk = ChainWalk(access: access, offset: offset)
        do throws(VirtqueueError) {
            try walkTable(from: head, &walk, &vectors, memory)
            guard walk.bytesToSkip == 0 else {
                throw .chainShorterThanTaken(byteCount: UInt32(truncatingIfNeeded: walk.wantedByteCount), taken: offset)
            }
        } catch {
            vectors.rollback(to: mark)
            throw error
        }
        lookPosition &+= 1
        // All fit: a chain is below 4 GiB, and no shorter than the offset.
        return Chain(
            head: head, wantedByteCount: UInt32(truncatingIfNeeded: walk.wantedByteCount) - offset,
            mappedByteCount: UInt32(truncatingIfNeeded: vectors.byteCount - mark.byteCount),
            descriptorCount: walk.descriptorCount)
    }

    /// Walks the ring's own table from `head` on, and the indirect table that may end it.
    private func walkTable(
        from head: UInt16, _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        var index = head
        // One step per descriptor of the table is the most that a chain without a loop can have.
        for _ in 0..<ring.size {
            let descriptor = ring.descriptor(at: index)
            if descriptor.flags.contains(.indirect) {
                guard hasIndirectDescriptors else { throw .indirectNotNegotiated }
                guard !descriptor.flags.contains(.next) else { throw .indirectNotLast }
                return try walkIndirectTable(descriptor, &walk, &vectors, memory)
            }
            try walk.take(descriptor, &vectors, memory)
            guard descriptor.flags.contains(.next) else { return }
            index = descriptor.next
            guard index < ring.size else { throw .nextOutOfRange(index, tableCount: size) }
        }
        throw .chainTooLong(tableCount: size)
    }

    /// Walks an indirect table from its first entry on.
    private func walkIndirectTable(
        _ table: Descriptor, _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        let count = Int(table.byteCount) / Descriptor.byteCount
        // The specification bounds a chain by the queue size; drivers with a small queue and large tables exist, so a
        // fixed bound too.
        guard count > 0, Int(table.byteCount) % Descriptor.byteCount == 0,
            count <= max(size, Self.maximumIndirectCount)
        else { throw .badIndirectTable(byteCount: table.byteCount) }
        var index = 0
        for _ in 0..<count {
            let descriptor = try indirectDescriptor(at: index, of: table, memory)
            guard !descriptor.flags.contains(.indirect) else { throw .indirectNotLast }
            try walk.take(descriptor, &vectors, memory)
            guard descriptor.flags.contains(.next) else { return }
            index = Int(descriptor.next)
            guard index < count else { throw .nextOutOfRange(descriptor.next, tableCount: count) }
        }
        throw .chainTooLong(tableCount: count)
    }

    /// One entry of an indirect table, copied out once: the table may be unaligned and may span regions.
    private func indirectDescriptor(
        at index: Int, of table: Descriptor, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> Descriptor {
        let (address, overflow) = table.address.rawValue.addingReportingOverflow(UInt64(index * Descriptor.byteCount))
        var words: (first: UInt64, second: UInt64) = (0, 0)
        // SAFETY: the closure's pointer covers the 16 bytes of `words`, and is not kept.
        let isCopied = unsafe withUnsafeMutableBytes(of: &words) { bytes in
            unsafe !overflow && memory.copy(from: GuestAddress(address), into: bytes)
        }
        guard isCopied else { throw .bufferOutsideMemory(table.address, byteCount: table.byteCount) }
        return Descriptor(firstWord: words.first, secondWord: words.second)
    }
}

/// What is known of a chain while it is walked.
private struct ChainWalk {
    let access: DescriptorAccess
    /// How many bytes of the wanted half are still to be left out.
    var bytesToSkip: UInt32
    /// The bytes of the wanted half, and of the whole chain.
    var wantedByteCount: UInt64 = 0
    var totalByteCount: UInt64 = 0
    var hasWritable = false
    /// Whether a wanted byte found no room.
    var isCut = false
    var descriptorCount = 0

    init(access: DescriptorAccess, offset: UInt32) {
        self.access = access
        bytesToSkip = offset
    }

    /// Checks one descriptor against those before it, and appends its buffer when it is of the wanted half.
    @inline(__always)
    mutating func take(
        _ descriptor: Descriptor, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        descriptorCount += 1
        let isWritable = descriptor.flags.contains(.write)
        if isWritable {
            hasWritable = true
        } else {
            guard !hasWritable else { throw .readableAfterWritable }
            guard access == .deviceReadable else { throw .readableInReceiveQueue }
        }
        // At most 2^16 summands below 2^32: a UInt64 holds the sum.
        totalByteCount += UInt64(descriptor.byteCount)
        guard totalByteCount <= UInt64(UInt32.max) else { throw .chainTooLarge }
        guard isWritable == (access == .deviceWritable) else { return }
        wantedByteCount += UInt64(descriptor.byteCount)
        try append(descriptor, &vectors, memory)
    }

    /// Translates one buffer piece by piece. A buffer of no bytes is legal and adds nothing, wherever it points.
    @inline(__always)
    private mutating func append(
        _ buffer: Descriptor, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        var address = buffer.address.rawValue
        var left = buffer.byteCount
        while left > 0 {
            guard let piece = unsafe memory.hostRange(guest: GuestAddress(address), byteCount: UInt64(left)) else {
                throw .bufferOutsideMemory(buffer.address, byteCount: buffer.byteCount)
            }
            // A piece is at most `left` bytes, and regions end below 2^64.
            let pieceByteCount = UInt32(truncatingIfNeeded: piece.count)
            let skipped = min(bytesToSkip, pieceByteCount)
            bytesToSkip -= skipped
            // Once something found no room, nothing behind it may be appended.
            if skipped < pieceByteCount, !isCut {
                isCut = unsafe !vectors.append(UnsafeMutableRawBufferPointer(rebasing: piece[Int(skipped)...]))
            }
            address &+= UInt64(pieceByteCount)
            left -= pieceByteCount
        }
    }
}
