import BasicContainers
public import LinuxIO
public import Virtio

// What the owner of the running queues needs of the session. Ring indexes here are the owner's own: 0 to 255.

extension VhostUserSession {
    /// What is known about ring `index`.
    public func vring(_ index: Int) -> VringConfiguration {
        vrings[index].configuration
    }

    /// Whether any ring runs. When none does the device is suspended, and says nothing to the guest.
    public var isAnyRingRunning: Bool {
        for index in 0..<Self.ringCount where vrings[index].isRunning {
            return true
        }
        return false
    }

    /// Starts ring `index`, which must be runnable: finds it in memory and makes the queue, at the position it has.
    ///
    /// From here on until ``ringStopped(_:base:)`` the front-end can change neither size nor addresses nor position.
    ///
    /// - Throws: `VirtqueueError`: what the guest chose cannot be. The ring is broken, and stays stopped.
    public mutating func activate(_ index: Int) throws(VirtqueueError) -> Virtqueue {
        let configuration = vrings[index].configuration
        assert(configuration.isRunnable, "only a ring that may run is activated")
        guard configuration.size <= offer.maximumQueueSize else { throw .badSize(configuration.size) }

        let queue = try Virtqueue(
            configuration.addresses ?? RingAddresses(descriptorTable: 0, availableRing: 0, usedRing: 0),
            in: acknowledgedProtocolFeatures.contains(.guestPhysicalAddresses) ? .guestPhysical : .user,
            size: configuration.size,
            base: configuration.base,
            features: acknowledgedFeatures,
            memory: memory)
        vrings[index].isRunning = true
        return queue
    }

    /// Takes note that the queue of ring `index` is no more.
    ///
    /// - Parameters:
    ///   - index: the ring.
    ///   - base: where it would have gone on, in the form of SET_VRING_BASE: the next activation starts there, and
    ///     GET_VRING_BASE is answered with it.
    public mutating func ringStopped(_ index: Int, base: UInt32) {
        vrings[index].isRunning = false
        vrings[index].configuration.base = base
        vrings[index].configuration.stoppedBase = base
    }

    /// Ends what GET_VRING_BASE began: closes the ring's kick and gives the answer.
    ///
    /// Call it when the ring is stopped and its kick is out of the epoll set.
    public mutating func answerVringBase(_ index: Int) -> Reply {
        vrings[index].stop()
        return .vringBase(index: UInt32(index), base: vrings[index].configuration.base)
    }
}

// MARK: - Event descriptors

extension VhostUserSession {
    /// The eventfd that the guest kicks ring `index` by, to be waited on; nil when there is none.
    public func kickDescriptor(_ index: Int) -> Int32? {
        Self.rawValue(of: vrings[index].kick)
    }

    /// The kick that the last message took the place of, still open until the next message.
    ///
    /// It must leave the epoll set by hand: the front-end has it open as well, so closing ours would leave it there,
    /// readable for ever and with no number to remove it by.
    public var replacedKickDescriptor: Int32? {
        Self.rawValue(of: replacedKick)
    }

    private static func rawValue(of descriptor: borrowing EventFileDescriptor?) -> Int32? {
        switch descriptor {
        case .some(let descriptor): descriptor.rawValue
        case .none: nil
        }
    }

    /// Interrupts the guest for ring `index`; nothing when the guest polls.
    ///
    /// - Throws: `SystemError`: the front-end's fd is no eventfd, or is not to be written.
    public func signalCall(_ index: Int) throws(SystemError) {
        try vrings[index].call?.signal()
    }

    /// Tells the front-end that ring `index` is broken; nothing when it does not want to know.
    ///
    /// - Throws: `SystemError`: the front-end's fd is no eventfd, or is not to be written.
    public func signalError(_ index: Int) throws(SystemError) {
        try vrings[index].error?.signal()
    }
}
