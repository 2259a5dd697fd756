/// Feature bits of a virtio device: the device's own in bits 0–23, the ring's and the transport's from 24 on.
///
/// Source: virtio 1.3 §2.2 and §6.
public struct VirtioFeatures: OptionSet, Hashable, Sendable {
    /// The 64 bits.
    public let rawValue: UInt64

    /// Wraps the 64 bits; unknown ones are kept.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// VIRTIO_F_INDIRECT_DESC: a descriptor may point to a table of descriptors.
    public static let indirectDescriptors = VirtioFeatures(rawValue: 1 << 28)
    /// VIRTIO_F_EVENT_IDX: both sides say at which index they want the next notification.
    public static let eventIndex = VirtioFeatures(rawValue: 1 << 29)
    /// VHOST_USER_F_PROTOCOL_FEATURES: not virtio's; the front-end keeps it from the guest.
    public static let vhostUserProtocolFeatures = VirtioFeatures(rawValue: 1 << 30)
    /// VIRTIO_F_RING_PACKED: rings have the packed layout.
    public static let packedRing = VirtioFeatures(rawValue: 1 << 34)
    /// VIRTIO_F_IN_ORDER: the device uses chains in the order in which they were offered.
    public static let inOrder = VirtioFeatures(rawValue: 1 << 35)
    /// VIRTIO_F_VERSION_1: a device of virtio 1.0 or later; without it QEMU refuses ours.
    public static let version1 = VirtioFeatures(rawValue: 1 << 32)
}
