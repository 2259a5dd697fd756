/// What is known of a chain while it is walked.
struct ChainWalk {
    private let access: DescriptorAccess
    private let allowsIndirect: Bool
    /// How many bytes of the wanted half are still to be left out.
    private(set) var bytesToSkip: UInt32
    /// The bytes of the wanted half, and of the whole chain.
    private(set) var wantedByteCount: UInt64 = 0
    private var totalByteCount: UInt64 = 0
    private var hasWritable = false
    /// Whether a wanted byte found no room.
    private var isCut = false
    private(set) var descriptorCount = 0

    init(_ rules: LookRules, offset: UInt32) {
        access = rules.access
        allowsIndirect = rules.allowsIndirect
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

    // MARK: Indirect tables

    /// Walks the indirect table that a descriptor points to.
    ///
    /// In a split ring's table the entries follow each other by their `next` (§2.7.5.3). In a packed ring's they are one
    /// behind the other, all of them, and only WRITE of their flags means something (§2.8.7).
    mutating func takeIndirect(
        _ table: Descriptor, _ format: Descriptor.Format, queueSize: Int, _ vectors: inout IOVectors,
        _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        guard allowsIndirect else { throw .indirectNotNegotiated }
        guard !table.flags.contains(.next) else { throw .indirectNotLast }
        let count = Int(table.byteCount) / Descriptor.byteCount
        // The specification bounds a chain by the queue size; drivers with a small queue and large tables exist, so a
        // fixed bound too.
        guard count > 0, Int(table.byteCount) % Descriptor.byteCount == 0,
            count <= max(queueSize, Virtqueue.maximumIndirectCount)
        else { throw .badIndirectTable(byteCount: table.byteCount) }
        switch format {
        case .split: try takeLinked(table, count, &vectors, memory)
        case .packed: try takeRow(table, count, &vectors, memory)
        }
    }

    private mutating func takeLinked(
        _ table: Descriptor, _ count: Int, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        var index = 0
        for _ in 0..<count {
            let descriptor = try Self.entry(index, of: table, .split, memory)
            guard !descriptor.flags.contains(.indirect) else { throw .indirectNotLast }
            try take(descriptor, &vectors, memory)
            guard descriptor.flags.contains(.next) else { return }
            index = Int(descriptor.next)
            guard index < count else { throw .nextOutOfRange(descriptor.next, tableCount: count) }
        }
        throw .chainTooLong(tableCount: count)
    }

    private mutating func takeRow(
        _ table: Descriptor, _ count: Int, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        for index in 0..<count {
            try take(try Self.entry(index, of: table, .packed, memory), &vectors, memory)
        }
    }

    /// One entry of an indirect table, copied out once: the table may be unaligned and may span regions.
    private static func entry(
        _ index: Int, of table: Descriptor, _ format: Descriptor.Format, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> Descriptor {
        let (address, overflow) = table.address.rawValue.addingReportingOverflow(UInt64(index * Descriptor.byteCount))
        var words: (first: UInt64, second: UInt64) = (0, 0)
        // SAFETY: the closure's pointer covers the 16 bytes of `words`, and is not kept.
        let isCopied = unsafe withUnsafeMutableBytes(of: &words) { bytes in
            unsafe !overflow && memory.copy(from: GuestAddress(address), into: bytes)
        }
        guard isCopied else { throw .bufferOutsideMemory(table.address, byteCount: table.byteCount) }
        return Descriptor(format, firstWord: words.first, secondWord: words.second)
    }
}
