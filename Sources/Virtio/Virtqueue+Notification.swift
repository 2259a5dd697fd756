import Synchronization

/// Kicks and calls, and how both sides spare themselves most of them.
///
/// Source: virtio 1.3 §2.7.7 (calls), §2.7.10 (kicks). Each of the two decisions needs a full barrier: a store must be
/// visible before a load is made, which no acquire or release gives, on x86 either.
extension Virtqueue {
    /// Whether the driver must be called for what was published since it last was.
    ///
    /// Has a side effect: an answer of true counts as the call, so the caller makes it.
    public mutating func shouldNotify() -> Bool {
        guard owesCall else { return false }
        // Pairs with the barrier between a driver's write of used_event (or of its flags) and its last look at what is
        // used: one of the two sides sees the other's store.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            return queue.settleCall(hasEventIndex: hasEventIndex)
        case .packed(var queue):
            defer { layout = .packed(queue) }
            return queue.settleCall(hasEventIndex: hasEventIndex)
        }
    }

    /// The same, for a caller that uses more chains at once: one call for many.
    ///
    /// A call costs the front-end a turn of its loop, and the guest an interrupt. It can wait as long as the driver has
    /// something to go on with: half of what the ring holds.
    ///
    /// - Parameter mayWait: whether the caller asks again soon, whatever happens.
    /// - Returns: whether the driver must be called now.
    public mutating func shouldNotify(mayWait: Bool) -> Bool {
        guard !mayWait || 2 * uncalledCount >= size else { return false }
        return shouldNotify()
    }

    /// Whether the driver was not called yet for something it was shown. Touches no guest memory.
    public var owesCall: Bool {
        uncalledCount > 0
    }

    private var uncalledCount: Int {
        switch layout {
        case .split(let queue): queue.uncalledCount
        case .packed(let queue): queue.uncalledCount
        }
    }

    /// Asks the driver for no kicks, as far as it heeds that.
    public mutating func disableNotifications() {
        switch layout {
        case .split(let queue): queue.disableKicks(hasEventIndex: hasEventIndex)
        case .packed(let queue): queue.disableKicks(hasEventIndex: hasEventIndex)
        }
    }

    /// Asks the driver for a kick when it has made `count` more chains available.
    ///
    /// Only EVENT_IDX can say a number; without it every chain is kicked for.
    ///
    /// - Parameter count: 1 to ``size``. A driver that stops short of it never kicks: whoever asks for more than one
    ///   looks again by itself after a while.
    /// - Precondition: no chain is looked at and not used.
    /// - Returns: true when as many are available already, perhaps without a kick: look again, or wait for ever.
    public mutating func enableNotifications(after count: UInt16 = 1) -> Bool {
        let wanted = hasEventIndex ? count : 1
        switch layout {
        case .split(let queue): queue.enableKicks(after: wanted, hasEventIndex: hasEventIndex)
        case .packed(let queue): queue.enableKicks(after: wanted, hasEventIndex: hasEventIndex)
        }
        // Pairs with the driver's barrier between making chains available and reading when we want to be kicked.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return hasAvailable(wanted)
    }

    /// Whether the driver has made so many chains available that were not used yet; in a packed ring, chains that
    /// fill as many slots.
    public func hasAvailable(_ count: UInt16) -> Bool {
        switch layout {
        case .split(let queue): queue.hasAvailable(count)
        case .packed(let queue): queue.hasAvailable(count)
        }
    }
}
