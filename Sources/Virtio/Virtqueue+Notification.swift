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
        guard signalledIndex != publishedIndex else { return false }
        // Pairs with the barrier between a driver's write of used_event (or of its flags) and its last look at the used
        // index: one of the two sides sees the other's store.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let signalled = signalledIndex
        let hasHistory = hasSignalHistory
        signalledIndex = publishedIndex
        hasSignalHistory = true
        guard hasEventIndex else { return !ring.driverWantsNoCall }
        guard hasHistory else { return true }
        // Has the index passed used_event on its way from `signalled` to now? Modulo 2^16, all of it (§2.7.7.2).
        return publishedIndex &- ring.loadUsedEvent() &- 1 < publishedIndex &- signalled
    }

    /// The same, for a caller that uses more chains at once: one call for many.
    ///
    /// A call costs the front-end a turn of its loop, and the guest an interrupt. It can wait as long as the driver has
    /// something to go on with: half of what the ring holds.
    ///
    /// - Parameter mayWait: whether the caller asks again soon, whatever happens.
    public mutating func shouldNotify(mayWait: Bool) -> Bool {
        guard !mayWait || 2 * Int(publishedIndex &- signalledIndex) >= size else { return false }
        return shouldNotify()
    }

    /// Whether the driver was not called yet for something it was shown. Touches no guest memory.
    public var owesCall: Bool {
        publishedIndex != signalledIndex
    }

    /// Asks the driver for no kicks, as far as it heeds that.
    public mutating func disableNotifications() {
        // With EVENT_IDX avail_event stays where it is, behind the driver, and is not passed again.
        guard !hasEventIndex else { return }
        ring.storeUsedFlags(wantsKicks: false)
    }

    /// Asks the driver for a kick when it has made `count` more chains available.
    ///
    /// Only EVENT_IDX can say a number; without it every chain is kicked for.
    ///
    /// - Parameter count: 1 to ``size``. A driver that stops short of it never kicks: whoever asks for more than one
    ///   looks again by itself after a while.
    /// - Returns: true when as many are available already, perhaps without a kick: look again, or wait for ever.
    public mutating func enableNotifications(after count: UInt16 = 1) -> Bool {
        let wanted = hasEventIndex ? count : 1
        if hasEventIndex {
            ring.storeAvailableEvent(availableIndex &+ wanted &- 1)
        } else {
            ring.storeUsedFlags(wantsKicks: true)
        }
        // Pairs with the driver's barrier between writing its index and reading avail_event or our flags.
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return ring.loadAvailableIndex() &- availableIndex >= wanted
    }

}
