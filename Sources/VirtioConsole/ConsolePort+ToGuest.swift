public import Virtio

/// Host to guest: chains of the receiveq.
extension ConsolePort {
    /// Looks at the buffers to be filled next; takes none.
    ///
    /// - Parameters:
    ///   - batch: filled; empty when the guest has offered no buffer.
    ///   - memory: the guest's memory.
    ///   - byteLimit: enough for one turn, in bytes.
    /// - Throws: ``VirtqueueError``: the guest is at fault, and the receiveq must be stopped.
    public mutating func lookAheadToGuest(
        into batch: inout ChainBatch, memory: borrowing GuestMemory, byteLimit: Int
    ) throws(VirtqueueError) {
        try receiveq?.lookAhead(.deviceWritable, into: &batch, memory: memory, byteLimit: byteLimit)
    }

    /// The first `byteCount` bytes of the batch's buffers have been written.
    public mutating func didFillToGuest(_ batch: borrowing ChainBatch, byteCount: Int) {
        guard let chainCount = receiveq?.pushFilled(batch, byteCount: byteCount) else { return }
        counters.toGuestBytes &+= UInt64(byteCount)
        counters.toGuestChains &+= UInt64(chainCount)
    }

    /// Bytes of a client will never come to the guest.
    public mutating func noteUnread(_ byteCount: Int) {
        counters.unreadBytes &+= UInt64(byteCount)
    }

    /// Records of a client were too large for the guest.
    public mutating func noteOversized(_ byteCount: Int) {
        counters.oversizedToGuestBytes &+= UInt64(byteCount)
    }

    /// Shows the guest what was written.
    ///
    /// - Parameter mayWait: whether more is filled at once: then the call may be left for later.
    /// - Returns: whether the receiveq must be called.
    public mutating func publishToGuest(mayWait: Bool = false) -> Bool {
        receiveq?.publishUsed()
        return receiveq?.shouldNotify(mayWait: mayWait) ?? false
    }

    /// Asks for no kicks while there are buffers.
    public mutating func disableToGuestKicks() {
        receiveq?.disableNotifications()
    }

    /// Asks for a kick for the next buffer.
    ///
    /// - Returns: true when there is one already: look again.
    public mutating func enableToGuestKicks() -> Bool {
        awaitedRefill = nil
        return receiveq?.enableNotifications() ?? false
    }

    /// Asks for a kick when the guest has given back a good part of its buffers; without EVENT_IDX for the next one.
    ///
    /// When ``isAwaitingRefill`` is true afterwards, the caller calls ``endRefill()`` after a while: the guest may have
    /// offered fewer, without a kick.
    ///
    /// - Returns: true when they are there already: look again.
    /// - Source: virtio 1.3 §2.7.10: the driver kicks when its index passes avail_event.
    public mutating func awaitRefill() -> Bool {
        guard let largest = receiveq?.largestAvailableCount, receiveq?.hasEventIndex == true else {
            return enableToGuestKicks()
        }
        let count = refillThreshold.count(largestAvailableCount: largest)
        let isThere = receiveq?.enableNotifications(after: count) ?? false
        awaitedRefill = count > 1 && !isThere ? count : nil
        return isThere
    }

    /// Whether the guest is to kick for many buffers and not for the next.
    public var isAwaitingRefill: Bool {
        awaitedRefill != nil
    }

    /// Whether what was waited for is there; true when nothing was.
    public mutating func hasRefill() -> Bool {
        guard let count = awaitedRefill else { return true }
        guard receiveq?.hasAvailable(count) == true else { return false }
        refillThreshold.wasReached()
        awaitedRefill = nil
        return true
    }

    /// Waits for many buffers no longer, but for the next.
    ///
    /// - Returns: true when there is one already: look again.
    public mutating func endRefill() -> Bool {
        guard let count = awaitedRefill else { return false }
        let hasSome = enableToGuestKicks()
        if hasSome {
            refillThreshold.wasMissed(count)
        }
        return hasSome
    }
}
