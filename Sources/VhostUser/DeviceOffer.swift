public import Virtio

/// What a device brings along, as far as the protocol has to know it.
public struct DeviceOffer: Equatable, Sendable {
    /// The device's and the rings' feature bits. Bit 30 is the protocol's own, and the session adds it.
    public let features: VirtioFeatures
    /// How many queues the device has: what GET_QUEUE_NUM is answered. Rings from this index on never run.
    public let queueCount: Int
    /// The most entries that a ring may have, at most 32768. A guest that chooses more breaks its ring.
    public let maximumQueueSize: UInt16
    /// The size of the config space in bytes. Behind it, reads give zero and writes are dropped.
    public let configByteCount: Int

    /// Makes an offer.
    public init(features: VirtioFeatures, queueCount: Int, maximumQueueSize: UInt16, configByteCount: Int) {
        self.features = features
        self.queueCount = queueCount
        self.maximumQueueSize = maximumQueueSize
        self.configByteCount = configByteCount
    }
}
