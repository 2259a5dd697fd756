/// A packed ring while it runs: its memory, and the places in it.
///
/// Chains are used in the order they were offered, so the used place is that of the oldest chain, unless another back-end
/// left it elsewhere. The first used descriptor of a batch is written last: a driver that does not see it looks no further.
/// - Source: virtio 1.3 §2.8.
struct PackedQueue: VirtqueueLayout {
    private let ring: PackedRing
    /// The place of the oldest chain that is not used yet.
    private(set) var position: PackedPosition
    /// The place of the chain that is looked at next.
    private(set) var lookPosition: PackedPosition
    /// The place of the next used descriptor.
    private(set) var usedPosition: PackedPosition
    /// The first used descriptor that the driver does not see yet, and its place.
    private var unpublished: (used: PackedUsed, position: PackedPosition)?
    private(set) var largestAvailableCount = 0

    // In slots, modulo 2^32; differences are what counts.
    private var usedCount: UInt32 = 0
    private var publishedCount: UInt32 = 0
    private var signalledCount: UInt32 = 0
    /// Whether there was a call since the start; before that there is nothing to compare with.
    private var hasSignalHistory = false

    init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, base: UInt32,
        memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        ring = try PackedRing(addresses, in: space, size: size, memory: memory)
        guard
            let available = PackedPosition(offsetAndWrap: UInt16(truncatingIfNeeded: base), size: ring.size),
            let used = PackedPosition(offsetAndWrap: UInt16(truncatingIfNeeded: base >> 16), size: ring.size)
        else { throw .badBase(base) }
        position = available
        lookPosition = available
        usedPosition = used
    }

    var size: Int { Int(ring.size) }
    var base: UInt32 { UInt32(position.offsetAndWrap) | UInt32(usedPosition.offsetAndWrap) << 16 }

    // MARK: Looking

    @inline(__always)
    mutating func rewind() {
        lookPosition = position
    }

    @inline(__always)
    mutating func hasNext() throws(VirtqueueError) -> Bool {
        guard ring.isAvailable(at: lookPosition) else { return false }
        if largestAvailableCount == 0 {
            // Once: a walk over the ring. What is offered at the start is what a driver has to offer.
            largestAvailableCount = availableChainCount
        }
        return true
    }

    @inline(__always)
    func walk(
        _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> ChainExtent {
        var place = lookPosition
        for slotCount in 1...ring.size {
            let descriptor = ring.descriptor(in: place.slot)
            // The driver makes the first descriptor of a chain available last (§2.8.21): all must be.
            guard place.isAvailable(descriptor.flags) else { throw .chainNotWhollyAvailable(slot: place.slot) }
            if descriptor.flags.contains(.indirect) {
                // A list behind direct descriptors is a split ring's alone (§2.7.5.3.2, §2.8.19).
                guard slotCount == 1 else { throw .indirectNotFirst }
                try walk.takeIndirect(descriptor, .packed, queueSize: size, &vectors, memory)
                return try extent(descriptor, slotCount)
            }
            try walk.take(descriptor, &vectors, memory)
            guard descriptor.flags.contains(.next) else { return try extent(descriptor, slotCount) }
            place = place.advanced(by: 1, size: ring.size)
        }
        throw .chainTooLong(tableCount: size)
    }

    /// The last descriptor of a chain carries its id (§2.8.6).
    @inline(__always)
    private func extent(_ last: Descriptor, _ slotCount: UInt16) throws(VirtqueueError) -> ChainExtent {
        guard last.bufferID < ring.size else { throw .bufferIDOutOfRange(last.bufferID, size: ring.size) }
        return ChainExtent(id: last.bufferID, slotCount: slotCount)
    }

    @inline(__always)
    mutating func pass(_ extent: ChainExtent) {
        lookPosition = lookPosition.advanced(by: extent.slotCount, size: ring.size)
    }

    mutating func availableCount() -> Int {
        availableChainCount
    }

    /// Counts the ends of chains from the oldest on. What is wrong with one shows when it is looked at.
    private var availableChainCount: Int {
        var place = position
        var count = 0
        for _ in 0..<ring.size {
            let descriptor = ring.descriptor(in: place.slot)
            guard place.isAvailable(descriptor.flags) else { break }
            if !descriptor.flags.contains(.next) {
                count += 1
            }
            place = place.advanced(by: 1, size: ring.size)
        }
        return count
    }

    // MARK: Using

    @inline(__always)
    mutating func use(_ extent: ChainExtent, written byteCount: UInt32) {
        let used = PackedUsed(id: extent.id, byteCount: byteCount)
        if unpublished == nil {
            unpublished = (used, usedPosition)
        } else {
            ring.storeUsed(used, at: usedPosition)
        }
        usedPosition = usedPosition.advanced(by: extent.slotCount, size: ring.size)
        position = position.advanced(by: extent.slotCount, size: ring.size)
        usedCount &+= UInt32(extent.slotCount)
    }

    mutating func publish() {
        guard let (used, place) = unpublished else { return }
        ring.publishUsed(used, at: place)
        unpublished = nil
        publishedCount = usedCount
    }

    var uncalledCount: Int {
        Int(publishedCount &- signalledCount)
    }

    mutating func settleCall(hasEventIndex: Bool) -> Bool {
        let passed = uncalledCount
        let hasHistory = hasSignalHistory
        signalledCount = publishedCount
        hasSignalHistory = true
        let event = ring.loadDriverEvent()
        switch event.kind {
        case 1: return false
        case 2 where hasEventIndex: return !hasHistory || hasPassed(event, within: passed)
        // 3 is reserved, and 2 means nothing without EVENT_IDX: one call too many does no harm.
        default: return true
        }
    }

    /// Whether the driver's place is among the last `count` slots before the used place.
    private func hasPassed(_ event: PackedEvent, within count: Int) -> Bool {
        let lap = event.wrap == usedPosition.wrap ? 0 : size
        let distance = Int(usedPosition.slot) + lap - Int(event.offset)
        // A place in the lap to come is further away than the ring is long.
        return distance >= 1 && distance <= min(count, size)
    }

    // MARK: Kicks

    func disableKicks(hasEventIndex: Bool) {
        // With EVENT_IDX too: a place left behind is passed again with each lap.
        ring.storeDeviceEvent(.never)
    }

    func enableKicks(after count: UInt16, hasEventIndex: Bool) {
        ring.storeDeviceEvent(hasEventIndex ? .at(place(after: count)) : .always)
    }

    /// The slot that the `count`-th chain from now takes if each takes one; longer ones come there sooner.
    private func place(after count: UInt16) -> PackedPosition {
        position.advanced(by: min(max(count, 1), ring.size) - 1, size: ring.size)
    }

    func hasAvailable(_ count: UInt16) -> Bool {
        // The next slot too: behind a gap nothing can be looked at, however often one looks.
        ring.isAvailable(at: position) && ring.isAvailable(at: place(after: count))
    }
}
