/// What QEMU 11 sends for its generic vhost-user device, in its order and with its flags, as recorded from a run of it.
public enum QEMUScript {
    /// The device is made: `-device vhost-user-test-device-pci,num_vqs=…`. Nothing follows until the guest's driver is
    /// ready.
    ///
    /// - Parameters:
    ///   - queueCount: num_vqs.
    ///   - protocolFeatures: what the back-end is known to offer; QEMU acknowledges all of it.
    ///   - call: stands for the masked interrupt of every queue.
    ///   - error: stands for the error eventfd of every queue.
    ///   - backendSocket: the back-end's end of its own socket.
    /// - Returns: the messages; those that expect an answer are sent only after the answer to the one before.
    public static func realize(
        queueCount: Int, protocolFeatures: UInt64, call: Int32, error: Int32, backendSocket: Int32
    ) -> [FakeMessage] {
        var script: [FakeMessage] = [
            .getFeatures, .getProtocolFeatures, .setProtocolFeatures(protocolFeatures), .getQueueNum, .getMaxMemSlots,
            .setBackendReqFd(backendSocket).needingReply, .setOwner, .getFeatures,
        ]
        for index in 0..<UInt64(queueCount) {
            script.append(.setVringCall(index, call).needingReply)
            script.append(.setVringErr(index, error).needingReply)
        }
        return script
    }

    /// One queue that the guest configured.
    public struct Ring: Equatable, Sendable {
        /// The number of entries.
        public var size: UInt32
        /// Where it goes on.
        public var base: UInt32
        /// The descriptor table.
        public var descriptors: UInt64
        /// The available ring.
        public var available: UInt64
        /// The used ring.
        public var used: UInt64

        /// Describes a queue.
        public init(size: UInt32, base: UInt32, descriptors: UInt64, available: UInt64, used: UInt64) {
            self.size = size
            self.base = base
            self.descriptors = descriptors
            self.available = available
            self.used = used
        }
    }

    /// The guest's driver is ready, or a stopped VM goes on.
    ///
    /// - Parameters:
    ///   - features: what the guest acknowledged; bit 30 is added.
    ///   - regions: memory with its fds; empty when it did not change since the last start.
    ///   - rings: by index; queues that the guest did not configure are nil, and are only enabled.
    ///   - kick: stands for the kick of every queue.
    ///   - call: stands for the interrupt of every queue.
    /// - Returns: the messages, as in ``realize(queueCount:protocolFeatures:call:error:backendSocket:)``.
    public static func start(
        features: UInt64, regions: [(FakeRegion, Int32)], rings: [Ring?], kick: Int32, call: Int32
    ) -> [FakeMessage] {
        var script: [FakeMessage] = [.setFeatures(features | 1 << 30), .getStatus, .setStatus(8)]
        for (region, descriptor) in regions {
            script.append(.addMemReg(region, descriptor).needingReply)
        }
        for (index, ring) in rings.enumerated() {
            guard let ring else { continue }
            script.append(.setVringNum(UInt32(index), ring.size))
            script.append(.setVringBase(UInt32(index), ring.base))
            script.append(
                .setVringAddr(
                    UInt32(index), descriptors: ring.descriptors, used: ring.used, available: ring.available,
                    log: ring.used))
            script.append(.setVringKick(UInt64(index), kick).needingReply)
            script.append(.setVringCall(UInt64(index), call).needingReply)
        }
        for index in rings.indices {
            script.append(.setVringEnable(UInt32(index), 1).needingReply)
        }
        for index in rings.indices {
            script.append(.setVringCall(UInt64(index), call).needingReply)
        }
        return script
    }

    /// The VM is paused, or the guest resets, unbinds its driver or powers off: they look the same.
    public static func stop(rings: [Ring?]) -> [FakeMessage] {
        rings.indices.map { .setVringEnable(UInt32($0), 0).needingReply }
            + rings.indices.filter { rings[$0] != nil }.map { .getVringBase(UInt32($0)) }
    }
}
