import Synchronization

/// A virtqueue while it runs, seen from the device.
///
/// It exists from ring start to ring stop and no longer, so that nobody can touch a ring that is not ours: starting
/// makes the value, stopping consumes it and leaves only ``position``. A turn of work has five steps, and the first
/// four make no system call:
///
///     lookAhead       map as many chains as one system call can move; nothing is taken by it
///     (the call)      sendmsg or recvmsg on the batch's pieces
///     pushConsumed /  the chains that were moved become used entries, in order
///     pushFilled
///     publishUsed     one store shows the driver all of them
///     shouldNotify    at most one call for all of them
///
/// Chains are used in the order they were offered, and never more than one batch is looked at: the position alone says
/// where a ring goes on after a stop.
///
/// The layout of the ring is chosen once, when it starts. There is one layout so far, ``SplitRing``; nothing above this
/// type knows it.
///
/// ## Concurrency
/// One owner. The driver runs at the same time: every field of the ring is read once, checked, and used as it was
/// checked.
public struct Virtqueue: ~Copyable {
    /// The most entries that an indirect table may have when the queue is smaller: Linux and Windows stay far below it.
    public static let maximumIndirectCount = 1024

    let ring: SplitRing
    let hasIndirectDescriptors: Bool
    /// Whether either side can say at which chain it wants the next notification (VIRTIO_F_EVENT_IDX).
    public let hasEventIndex: Bool

    /// The available position of the oldest chain that is not used yet: the base that SET_VRING_BASE and GET_VRING_BASE
    /// speak of.
    public private(set) var position: UInt16
    /// The available position of the chain that is looked at next; ahead of `position` by the chains of the current
    /// batch.
    var lookPosition: UInt16
    /// The driver's available index when it was last loaded.
    var availableIndex: UInt16
    /// The most chains that the driver was seen to have available at a time since the queue started.
    public private(set) var largestAvailableCount = 0
    /// The used position of the next used entry.
    var usedIndex: UInt16
    /// Entries below this used position are visible to the driver.
    var publishedIndex: UInt16
    /// The published position when the driver was last called or found to want no call.
    var signalledIndex: UInt16
    /// Whether that is known. After a start there is no history to compare with, and a guess stalls a guest with
    /// EVENT_IDX.
    var hasSignalHistory = false

    /// Starts the queue at `base`.
    ///
    /// - Parameters:
    ///   - addresses: the ring, as the front-end gave it.
    ///   - space: what these addresses mean.
    ///   - size: the number of entries.
    ///   - base: the available position to go on at.
    ///   - features: those that were acknowledged.
    ///   - memory: the table that the ring is found in, and which every later call must be given.
    /// - Throws: ``VirtqueueError``: the guest chose what cannot be.
    public init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, base: UInt16, features: VirtioFeatures,
        memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        ring = try SplitRing(addresses, in: space, size: size, memory: memory)
        hasIndirectDescriptors = features.contains(.indirectDescriptors)
        hasEventIndex = features.contains(.eventIndex)
        position = base
        lookPosition = base
        availableIndex = base
        // The ring knows how far it was used; after a reset by the guest both are 0.
        usedIndex = ring.loadUsedIndex()
        publishedIndex = usedIndex
        signalledIndex = usedIndex
    }

    /// The number of entries.
    public var size: Int {
        Int(ring.size)
    }

    /// How many chains the driver has made available that are not used yet, looked at or not.
    ///
    /// - Throws: ``VirtqueueError/availableIndexTooFarAhead(_:position:size:)``.
    public mutating func availableCount() throws(VirtqueueError) -> Int {
        try refreshAvailableIndex()
        return Int(availableIndex &- position)
    }

    /// Loads the driver's index anew.
    mutating func refreshAvailableIndex() throws(VirtqueueError) {
        let index = ring.loadAvailableIndex()
        guard index &- position <= ring.size else {
            throw .availableIndexTooFarAhead(index, position: position, size: ring.size)
        }
        availableIndex = index
        largestAvailableCount = max(largestAvailableCount, Int(index &- position))
    }

    /// Uses the oldest chain, with `byteCount` bytes written into its buffers.
    @inline(__always)
    mutating func pushUsed(_ chain: Chain, written byteCount: UInt32) {
        ring.storeUsedEntry(at: usedIndex, head: chain.head, written: byteCount)
        // Positions wrap by rule.
        usedIndex &+= 1
        position &+= 1
    }

    /// Goes back to the oldest chain that is not used: what was only looked at is looked at again.
    @inline(__always)
    mutating func rewind() {
        lookPosition = position
    }

    /// Shows the driver every chain used so far.
    public mutating func publishUsed() {
        guard publishedIndex != usedIndex else { return }
        ring.storeUsedIndex(usedIndex)
        publishedIndex = usedIndex
    }
}
