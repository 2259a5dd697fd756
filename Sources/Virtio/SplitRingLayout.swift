/// Where the fields of a split ring are: offsets and sizes in bytes for a ring of `size` entries.
///
///     descriptor table   size × { le64 addr; le32 len; le16 flags; le16 next }
///     available ring     le16 flags; le16 idx; size × le16 head; le16 used_event
///     used ring          le16 flags; le16 idx; size × { le32 id; le32 len }; le16 avail_event
///
/// Source: virtio 1.3 §2.7, §2.7.6, §2.7.8; the two event fields of §2.7.10.
struct SplitRingLayout {
    /// The number of entries: a power of two, 1 to 32768.
    let size: Int

    /// The largest ring that virtio knows.
    static let maximumSize = 32768

    static let descriptorTableAlignment = 16
    static let availableRingAlignment = 2
    static let usedRingAlignment = 4

    static let flagsOffset = 0
    static let indexOffset = 2
    static let entriesOffset = 4
    static let availableEntryByteCount = 2
    static let usedEntryByteCount = 8

    /// VIRTQ_AVAIL_F_NO_INTERRUPT in the available ring's flags: the driver asks for no call.
    static let noInterrupt: UInt16 = 1
    /// VIRTQ_USED_F_NO_NOTIFY in the used ring's flags: we ask for no kick.
    static let noNotify: UInt16 = 1

    var descriptorTableByteCount: Int { Descriptor.byteCount * size }
    /// With room for `used_event`, whether it is used or not (the driver must allocate it, §2.7).
    var availableRingByteCount: Int { usedEventOffset + 2 }
    /// With room for `avail_event`.
    var usedRingByteCount: Int { availableEventOffset + 2 }
    var usedEventOffset: Int { Self.entriesOffset + Self.availableEntryByteCount * size }
    var availableEventOffset: Int { Self.entriesOffset + Self.usedEntryByteCount * size }
}

/// The three addresses of a ring, raw as the front-end sent them.
///
/// Kept raw, because they mean something else whenever the memory table changes.
public struct RingAddresses: Equatable, Sendable {
    /// The descriptor table; for a packed ring its descriptor ring.
    public var descriptorTable: UInt64
    /// The available ring; for a packed ring the driver's event area.
    public var availableRing: UInt64
    /// The used ring; for a packed ring the device's event area.
    public var usedRing: UInt64

    /// Groups three addresses.
    public init(descriptorTable: UInt64, availableRing: UInt64, usedRing: UInt64) {
        self.descriptorTable = descriptorTable
        self.availableRing = availableRing
        self.usedRing = usedRing
    }
}

/// In which address space ring addresses are.
public enum RingAddressSpace: Sendable {
    /// The front-end's virtual memory: vhost-user's default.
    case user
    /// Guest-physical memory: once VHOST_USER_PROTOCOL_F_GPA_ADDRESSES is acknowledged.
    case guestPhysical
}
