/// How a virtqueue lies in memory, and how far it has got there: split or packed.
///
/// ``Virtqueue`` is written against this and made anew for each layout by the compiler: nothing is looked up while chains
/// are walked. Positions are the layout's own; what all share is that chains are looked at, used and shown in the order
/// in which the driver offered them.
protocol VirtqueueLayout {
    /// The number of entries.
    var size: Int { get }
    /// Where the queue goes on after a stop, as SET_VRING_BASE and GET_VRING_BASE carry it.
    var base: UInt32 { get }
    /// The most chains that the driver was seen to have available at a time.
    var largestAvailableCount: Int { get }

    // MARK: Looking

    /// Goes back to the oldest chain that is not used.
    mutating func rewind()
    /// Whether the driver offers a chain behind those looked at.
    ///
    /// - Throws: ``VirtqueueError``: what the driver says cannot be.
    mutating func hasNext() throws(VirtqueueError) -> Bool
    /// Walks that chain; nothing has changed when this throws.
    func walk(
        _ walk: inout ChainWalk, _ vectors: inout IOVectors, _ memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> ChainExtent
    /// The chain was looked at: the next one is behind it.
    mutating func pass(_ extent: ChainExtent)
    /// How many chains are available and not used, looked at or not. May walk the whole ring.
    mutating func availableCount() throws(VirtqueueError) -> Int

    // MARK: Using

    /// Uses the oldest chain; the driver sees it with the next ``publish()``.
    mutating func use(_ extent: ChainExtent, written byteCount: UInt32)
    /// Shows the driver every chain used so far.
    mutating func publish()
    /// How far the used positions shown are from those of the last call, in entries.
    var uncalledCount: Int { get }
    /// Takes note that the driver is called, or found to want no call, for all it was shown; tells whether it is to be
    /// called. A full barrier comes before it.
    mutating func settleCall(hasEventIndex: Bool) -> Bool

    // MARK: Kicks

    /// Asks for no kicks.
    func disableKicks(hasEventIndex: Bool)
    /// Asks for a kick with the `count`-th chain from now. The caller's full barrier comes behind it.
    func enableKicks(after count: UInt16, hasEventIndex: Bool)
    /// Whether so many chains are available.
    func hasAvailable(_ count: UInt16) -> Bool
}

/// What a used entry needs to know of a chain, and how much room it takes in the ring.
struct ChainExtent {
    /// The number that the driver knows the chain by: its head in a split ring, its buffer id in a packed one.
    let id: UInt16
    /// How many entries of a packed ring it takes; 1 in a split one.
    let slotCount: UInt16
}
