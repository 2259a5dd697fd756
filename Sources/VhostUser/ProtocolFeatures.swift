/// Parts of the vhost-user protocol that both sides agree on before they use them.
///
/// Only what this library implements has a name, besides those that a reader of a log wants to recognise. Offering more
/// than is implemented is a trap: QEMU acknowledges nearly every bit, also those that it then leaves unused or that
/// change the format of messages.
///
/// - Source: vhost-user "Protocol features".
public struct ProtocolFeatures: OptionSet, Hashable, Sendable {
    /// The 64 bits.
    public let rawValue: UInt64

    /// Wraps the 64 bits; unknown ones are kept.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// VHOST_USER_PROTOCOL_F_MQ: GET_QUEUE_NUM tells how many queues there are.
    public static let multiqueue = ProtocolFeatures(rawValue: 1 << 0)
    /// VHOST_USER_PROTOCOL_F_REPLY_ACK: a request that has no answer of its own is acknowledged when its sender asks
    /// for it.
    public static let replyAcknowledgement = ProtocolFeatures(rawValue: 1 << 3)
    /// VHOST_USER_PROTOCOL_F_BACKEND_REQ: a second socket for messages that the back-end begins.
    public static let backendRequests = ProtocolFeatures(rawValue: 1 << 5)
    /// VHOST_USER_PROTOCOL_F_CONFIG: the back-end holds the device's config space.
    public static let configuration = ProtocolFeatures(rawValue: 1 << 9)
    /// VHOST_USER_PROTOCOL_F_RESET_DEVICE: RESET_DEVICE.
    public static let resetDevice = ProtocolFeatures(rawValue: 1 << 13)
    /// VHOST_USER_PROTOCOL_F_CONFIGURE_MEM_SLOTS: memory regions come and go one by one, and there may be more than
    /// eight.
    public static let memorySlots = ProtocolFeatures(rawValue: 1 << 15)
    /// VHOST_USER_PROTOCOL_F_STATUS: the back-end is told the virtio device status.
    public static let status = ProtocolFeatures(rawValue: 1 << 16)
    /// VHOST_USER_PROTOCOL_F_GPA_ADDRESSES: SET_VRING_ADDR carries guest-physical addresses, and regions have no user
    /// address.
    public static let guestPhysicalAddresses = ProtocolFeatures(rawValue: 1 << 21)

    /// What the back-end offers: exactly what it implements.
    public static let offered: ProtocolFeatures = [
        .multiqueue, .replyAcknowledgement, .backendRequests, .configuration, .resetDevice, .memorySlots, .status,
        .guestPhysicalAddresses,
    ]
}
