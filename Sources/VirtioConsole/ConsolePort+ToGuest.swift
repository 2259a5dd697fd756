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

    /// Shows the guest what was written.
    ///
    /// - Returns: whether the receiveq must be called.
    public mutating func publishToGuest() -> Bool {
        receiveq?.publishUsed()
        return receiveq?.shouldNotify() ?? false
    }

    /// Asks for no kicks while there are buffers.
    public mutating func disableToGuestKicks() {
        receiveq?.disableNotifications()
    }

    /// Asks for a kick for the next buffer.
    ///
    /// - Returns: true when there is one already: look again.
    public mutating func enableToGuestKicks() -> Bool {
        receiveq?.enableNotifications() ?? false
    }
}
