public import Virtio

/// Guest to host: chains of the transmitq.
extension ConsolePort {
    /// Looks at the chains to be taken next.
    ///
    /// Up to the place where the guest's program closed the port, if it has: what comes behind belongs to its next
    /// opening.
    ///
    /// - Parameters:
    ///   - batch: filled; empty when there is nothing to take.
    ///   - memory: the guest's memory.
    ///   - byteLimit: enough for one turn, in bytes.
    ///   - most: no more chains than this.
    /// - Throws: ``VirtqueueError``: the guest is at fault, and the transmitq must be stopped.
    public mutating func lookAheadToHost(
        into batch: inout ChainBatch, memory: borrowing GuestMemory, byteLimit: Int, chainLimit most: Int = .max
    ) throws(VirtqueueError) {
        let chainLimit = min(chainLimit, most)
        try transmitq?.lookAhead(
            .deviceReadable, into: &batch, memory: memory, offset: takenOfOldestChain, byteLimit: byteLimit,
            chainLimit: chainLimit)
    }

    /// The first `byteCount` bytes of the batch have been taken.
    public mutating func didTakeToHost(_ batch: borrowing ChainBatch, byteCount: Int) {
        guard let (chainCount, rest) = transmitq?.pushConsumed(batch, byteCount: byteCount) else { return }
        // The bytes of the first chain that were taken earlier belong to that chain only. It is below 4 GiB, and so is
        // the sum.
        takenOfOldestChain = chainCount == 0 ? takenOfOldestChain + rest : rest
        counters.toHostBytes &+= UInt64(byteCount)
        counters.toHostChains &+= UInt64(chainCount)
        noteUsed(chainCount)
    }

    /// Bytes that had been taken were lost on the host's side.
    public mutating func noteLoss(_ byteCount: Int) {
        counters.lostBytes &+= UInt64(byteCount)
    }

    /// A byte has been taken that came on no ring.
    public mutating func noteEmergencyByte() {
        counters.toHostBytes &+= 1
    }

    /// Why chains are thrown away.
    public enum DiscardReason: Sendable {
        /// Nobody was there for them.
        case unwanted
        /// They were for a client that has gone, or that reads no more.
        case clientGone
        /// They are more than a record of the client's socket can hold.
        case oversized
    }

    /// Every chain of the batch has been thrown away.
    ///
    /// - Parameters:
    ///   - batch: looked at last.
    ///   - reason: why.
    /// - Returns: how many bytes the backlog of a client that has gone had in all, when this was the end of it.
    public mutating func didDiscard(_ batch: borrowing ChainBatch, _ reason: DiscardReason) -> UInt64? {
        let byteCount = transmitq?.pushDiscarded(batch) ?? 0
        takenOfOldestChain = 0
        switch reason {
        case .unwanted: counters.unwantedBytes &+= byteCount
        case .clientGone: counters.goneClientBytes &+= byteCount
        case .oversized: counters.oversizedToHostBytes &+= byteCount
        }
        noteUsed(batch.chainCount)
        return noteThrownAway(batch.chainCount, byteCount: byteCount)
    }

    /// Shows the guest what was taken.
    ///
    /// - Parameter mayWait: whether more is taken at once: then the call may be left for later.
    /// - Returns: whether the transmitq must be called.
    public mutating func publishToHost(mayWait: Bool = false) -> Bool {
        transmitq?.publishUsed()
        return transmitq?.shouldNotify(mayWait: mayWait) ?? false
    }

    /// Asks for no kicks while bytes are taken, or while nobody is there for them.
    public mutating func disableToHostKicks() {
        transmitq?.disableNotifications()
    }

    /// Asks for a kick for the next chain.
    ///
    /// - Returns: true when there is one already: look again.
    public mutating func enableToHostKicks() -> Bool {
        transmitq?.enableNotifications() ?? false
    }
}
