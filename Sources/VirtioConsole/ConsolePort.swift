public import Virtio

/// One port of the device: its two queues while they run, its handshake, and how far its oldest chain has been taken.
///
/// The state outlives the queues: a paused or reset guest loses nothing of what the host holds.
///
/// Both directions work the same way: look at as many chains as one system call can move, let the caller move their
/// bytes between guest memory and wherever the port is bound, then tell how many were moved. The port knows nothing of
/// sockets.
///
/// ## Concurrency
/// Owned by its ``ConsoleDevice``, on the device thread.
public struct ConsolePort: ~Copyable {
    /// The port number, which is its place in the device.
    public let number: Int
    /// What the port is; nil when no port has this number. Chains of such a port are thrown away, as QEMU does.
    public private(set) var description: PortDescription?

    var state: PortState
    var receiveq: Virtqueue?
    var transmitq: Virtqueue?
    /// How many bytes of the transmitq's oldest chain have been taken. Kept over a stop of the ring: the chain is
    /// offered again.
    var takenOfOldestChain: UInt32 = 0
    /// How many chains are left of those that the guest's program made before it closed the port; nil when none is.
    private(set) var chainsBeforeClose: Int?
    /// What is left of the chains that were for a client that has gone: they are thrown away before anything else.
    private(set) var backlog: GoneClientBacklog?

    /// How many buffers the guest is to kick for, while that is more than one; nil otherwise.
    var awaitedRefill: UInt16?
    var refillThreshold = RefillThreshold()

    /// What became of the port's bytes.
    public internal(set) var counters = PortCounters()

    init(number: Int, description: PortDescription?) {
        self.number = number
        self.description = description
        state = PortState(isConsole: description?.isConsole ?? false, initialSize: description?.toldSize)
    }

    /// Becomes a port, or another one, while the guest may run. Its rings go on where they are: the guest's driver keeps
    /// them for the number.
    mutating func add(_ description: PortDescription, driverIsReady: Bool) {
        self.description = description
        counters = PortCounters()
        state = PortState(
            isConsole: description.isConsole, initialSize: description.toldSize, after: state,
            driverIsReady: driverIsReady)
    }

    /// Is a port no more.
    mutating func remove() {
        description = nil
        chainsBeforeClose = nil
        state = PortState(removing: state)
    }

    /// The console has another size.
    mutating func resize(to size: ConsoleSize?) {
        description?.size = size
        state.resize(to: description?.toldSize)
    }

    /// Whether the guest has set the port up.
    public var isGuestReady: Bool {
        state.isReady
    }

    /// Whether a program in the guest has the port open.
    public var isGuestOpen: Bool {
        state.isGuestOpen
    }

    /// Whether bytes can come from the guest.
    public var hasTransmitq: Bool {
        transmitq != nil
    }

    /// Whether bytes may go to the guest: its program has the port open, and the ring runs. Never pushed otherwise:
    /// Linux throws away what comes for a closed port.
    public var canReceive: Bool {
        state.isGuestOpen && receiveq != nil
    }

    /// Whether everything that the guest's program wrote before it closed the port has been taken.
    ///
    /// PORT_OPEN 0 overtakes the port's last bytes, because it goes another way: `echo x > /dev/virtio-ports/NAME`
    /// opens, writes and closes within microseconds.
    public var hasTakenAllBeforeClose: Bool {
        chainsBeforeClose == nil
    }

    /// Whether chains are to be thrown away because the client they were for has gone.
    public var hasBacklog: Bool {
        backlog != nil
    }

    /// Forgets what the guest was doing; called when it was reset.
    mutating func reset() {
        state.reset()
        forgetChains()
    }

    /// Forgets what is known of chains: the transmitq is another one, or is broken.
    mutating func forgetChains() {
        takenOfOldestChain = 0
        chainsBeforeClose = nil
        backlog = nil
    }

    /// The guest's program has closed the port: what it wrote before is still to be taken.
    mutating func noteClose() {
        guard chainsBeforeClose == nil, let count = try? transmitq?.availableCount(), count > 0 else { return }
        chainsBeforeClose = count
    }

    /// A client has gone: what is in the transmitq now was for it.
    ///
    /// - Throws: ``VirtqueueError``: the guest is at fault, and the transmitq must be stopped.
    public mutating func noteGoneClient() throws(VirtqueueError) {
        guard let count = try transmitq?.availableCount(), count > 0 else { return }
        backlog = GoneClientBacklog(chainCount: count, byteCount: backlog?.byteCount ?? 0)
    }

    /// No more chains than this may be looked at together: those behind belong to somebody else.
    var chainLimit: Int {
        min(backlog?.chainCount ?? .max, chainsBeforeClose ?? .max)
    }

    /// This many chains of the transmitq have been used.
    mutating func noteUsed(_ chainCount: Int) {
        if let left = chainsBeforeClose {
            chainsBeforeClose = left > chainCount ? left - chainCount : nil
        }
    }

    /// This many chains of the backlog have been thrown away.
    ///
    /// - Returns: how many bytes the backlog had in all, once it is gone.
    mutating func noteThrownAway(_ chainCount: Int, byteCount: UInt64) -> UInt64? {
        guard var left = backlog else { return nil }
        left.byteCount &+= byteCount
        left.chainCount -= chainCount
        backlog = left.chainCount > 0 ? left : nil
        return left.chainCount > 0 ? nil : left.byteCount
    }
}

/// Chains that nobody gets.
struct GoneClientBacklog: Equatable {
    /// How many are left.
    var chainCount: Int
    /// How many bytes were thrown away so far.
    var byteCount: UInt64 = 0
}
