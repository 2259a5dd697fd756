/// A split ring while it runs: its memory, and the positions in it.
///
/// Positions are free-running and wrap by rule; an entry's place is the position modulo the size.
/// - Source: virtio 1.3 §2.7.
struct SplitQueue: VirtqueueLayout {
    let ring: SplitRing
    /// The available position of the oldest chain that is not used yet.
    private(set) var position: UInt16
    /// The available position of the chain that is looked at next; ahead of `position` by the chains of the current
    /// batch.
    private(set) var lookPosition: UInt16
    /// The driver's available index when it was last loaded.
    private(set) var availableIndex: UInt16
    private(set) var largestAvailableCount = 0
    /// The used position of the next used entry.
    private(set) var usedIndex: UInt16
    /// Entries below this used position are visible to the driver.
    private(set) var publishedIndex: UInt16
    /// The published position when the driver was last called or found to want no call.
    private var signalledIndex: UInt16
    /// Whether that is known. After a start there is no history to compare with, and a guess stalls a guest with
    /// EVENT_IDX.
    private var hasSignalHistory = false

    init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, base: UInt32,
        memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        guard let position = UInt16(exactly: base) else { throw .badBase(base) }
        ring = try SplitRing(addresses, in: space, size: size, memory: memory)
        self.position = position
        lookPosition = position
        availableIndex = position
        // The ring knows how far it was used; after a reset by the guest both are 0.
        usedIndex = ring.loadUsedIndex()
        publishedIndex = usedIndex
        signalledIndex = usedIndex
    }

    var size: Int { Int(ring.size) }
    var base: UInt32 { UInt32(position) }

    // MARK: Looking

    @inline(__always)
    mutating func rewind() {
        lookPosition = position
    }

    @inline(__always)
    mutating func hasNext() throws(VirtqueueError) -> Bool {
        guard lookPosition == availableIndex else { return true }
        try refreshAvailableIndex()
        return lookPosition != availableIndex
    }

    /// Loads the driver's index anew.
    private mutating func refreshAvailableIndex() throws(VirtqueueError) {
        let index = ring.loadAvailableIndex()
        guard index &- position <= ring.size else {
            throw .availableIndexTooFarAhead(index, position: position, size: ring.size)
        }
        availableIndex = index
        largestAvailableCount = max(largestAvailableCount, Int(index &- position))
    }

    @inline(__always)
    func walk(
        _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> ChainExtent {
        let head = ring.availableHead(at: lookPosition)
        guard head < ring.size else { throw .headOutOfRange(head, size: ring.size) }
        try walkTable(from: head, &walk, &vectors, memory)
        return ChainExtent(id: head, slotCount: 1)
    }

    /// Walks the ring's own table from `head` on, and the indirect table that may end it.
    @inline(__always)
    private func walkTable(
        from head: UInt16, _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        var index = head
        // One step per descriptor of the table is the most that a chain without a loop can have.
        for _ in 0..<ring.size {
            let descriptor = ring.descriptor(at: index)
            if descriptor.flags.contains(.indirect) {
                return try walk.takeIndirect(descriptor, .split, queueSize: size, &vectors, memory)
            }
            try walk.take(descriptor, &vectors, memory)
            guard descriptor.flags.contains(.next) else { return }
            index = descriptor.next
            guard index < ring.size else { throw .nextOutOfRange(index, tableCount: size) }
        }
        throw .chainTooLong(tableCount: size)
    }

    @inline(__always)
    mutating func pass(_ extent: ChainExtent) {
        lookPosition &+= 1
    }

    mutating func availableCount() throws(VirtqueueError) -> Int {
        try refreshAvailableIndex()
        return Int(availableIndex &- position)
    }

    // MARK: Using

    @inline(__always)
    mutating func use(_ extent: ChainExtent, written byteCount: UInt32) {
        ring.storeUsedEntry(at: usedIndex, head: extent.id, written: byteCount)
        usedIndex &+= 1
        position &+= 1
    }

    mutating func publish() {
        guard publishedIndex != usedIndex else { return }
        ring.storeUsedIndex(usedIndex)
        publishedIndex = usedIndex
    }

    var uncalledCount: Int {
        Int(publishedIndex &- signalledIndex)
    }

    mutating func settleCall(hasEventIndex: Bool) -> Bool {
        let signalled = signalledIndex
        let hasHistory = hasSignalHistory
        signalledIndex = publishedIndex
        hasSignalHistory = true
        guard hasEventIndex else { return !ring.driverWantsNoCall }
        guard hasHistory else { return true }
        // Has the index passed used_event on its way from `signalled` to now? Modulo 2^16, all of it (§2.7.7.2).
        return publishedIndex &- ring.loadUsedEvent() &- 1 < publishedIndex &- signalled
    }

    // MARK: Kicks

    func disableKicks(hasEventIndex: Bool) {
        // With EVENT_IDX avail_event stays where it is, behind the driver, and is not passed again.
        guard !hasEventIndex else { return }
        ring.storeUsedFlags(wantsKicks: false)
    }

    func enableKicks(after count: UInt16, hasEventIndex: Bool) {
        if hasEventIndex {
            // From where the device stands, and not from the index that it has read last: what was read is not looked at.
            ring.storeAvailableEvent(position &+ count &- 1)
        } else {
            ring.storeUsedFlags(wantsKicks: true)
        }
    }

    func hasAvailable(_ count: UInt16) -> Bool {
        ring.loadAvailableIndex() &- position >= count
    }
}
