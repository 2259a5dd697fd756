/// A virtqueue while it runs, seen from the device.
///
/// It exists from ring start to ring stop and no longer, so that nobody can touch a ring that is not ours: starting
/// makes the value, stopping consumes it and leaves only ``base``. A turn of work has five steps, and the first
/// four make no system call:
///
///     lookAhead       map as many chains as one system call can move; nothing is taken by it
///     (the call)      sendmsg or recvmsg on the batch's pieces
///     pushConsumed /  the chains that were moved become used entries, in order
///     pushFilled
///     publishUsed     one store shows the driver all of them
///     shouldNotify    at most one call for all of them
///
/// Chains are used in the order they were offered, and never more than one batch is looked at: the base alone says where
/// a ring goes on after a stop. That is also all that VIRTIO_F_IN_ORDER asks of a device (virtio 1.3 §2.7.9): a driver
/// that knows it need not look a chain up. What it permits beside that, one used entry for many chains, is not used.
///
/// The layout of the ring is chosen once, when it starts, and nothing above this type knows it. Each function here asks
/// for it once, and not per chain.
///
/// ## Concurrency
/// One owner. The driver runs at the same time: every field of the ring is read once, checked, and used as it was
/// checked.
public struct Virtqueue: ~Copyable {
    /// The most entries that an indirect table may have when the queue is smaller: Linux and Windows stay far below it.
    public static let maximumIndirectCount = 1024

    enum Layout {
        case split(SplitQueue)
        case packed(PackedQueue)
    }

    var layout: Layout
    let hasIndirectDescriptors: Bool
    /// Whether either side can say at which chain it wants the next notification (VIRTIO_F_EVENT_IDX).
    public let hasEventIndex: Bool

    /// Starts the queue at `base`.
    ///
    /// - Parameters:
    ///   - addresses: the ring, as the front-end gave it.
    ///   - space: what these addresses mean.
    ///   - size: the number of entries.
    ///   - base: the position to go on at, in the encoding of SET_VRING_BASE.
    ///   - features: those that were acknowledged.
    ///   - memory: the table that the ring is found in, and which every later call must be given.
    /// - Throws: ``VirtqueueError``: the guest chose what cannot be.
    public init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, base: UInt32, features: VirtioFeatures,
        memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        if features.contains(.packedRing) {
            layout = .packed(try PackedQueue(addresses, in: space, size: size, base: base, memory: memory))
        } else {
            layout = .split(try SplitQueue(addresses, in: space, size: size, base: base, memory: memory))
        }
        hasIndirectDescriptors = features.contains(.indirectDescriptors)
        hasEventIndex = features.contains(.eventIndex)
    }

    /// The number of entries.
    public var size: Int {
        switch layout {
        case .split(let queue): queue.size
        case .packed(let queue): queue.size
        }
    }

    /// Where the queue goes on after a stop, as SET_VRING_BASE and GET_VRING_BASE carry it: for a split ring the
    /// available position of the oldest chain that is not used; for a packed one the places of that and of the next used
    /// descriptor, 16 bits each, with their wrap counters.
    public var base: UInt32 {
        switch layout {
        case .split(let queue): queue.base
        case .packed(let queue): queue.base
        }
    }

    /// The most chains that the driver was seen to have available at a time since the queue started.
    public var largestAvailableCount: Int {
        switch layout {
        case .split(let queue): queue.largestAvailableCount
        case .packed(let queue): queue.largestAvailableCount
        }
    }

    /// How many chains the driver has made available that are not used yet, looked at or not. Walks a packed ring.
    ///
    /// - Throws: ``VirtqueueError/availableIndexTooFarAhead(_:position:size:)``.
    public mutating func availableCount() throws(VirtqueueError) -> Int {
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            return try queue.availableCount()
        case .packed(var queue):
            return queue.availableCount()
        }
    }

    /// Shows the driver every chain used so far.
    public mutating func publishUsed() {
        switch layout {
        case .split(var queue):
            queue.publish()
            layout = .split(queue)
        case .packed(var queue):
            queue.publish()
            layout = .packed(queue)
        }
    }
}
