/// One entry of a descriptor table, as it was when it was read.
///
/// A copy: the guest can rewrite its table at any time, so a descriptor is read once and then only this value is looked
/// at. Source: virtio 1.3 §2.7.5.
struct Descriptor {
    /// The buffer's guest-physical address, or that of an indirect table.
    let address: GuestAddress
    /// The length of the buffer in bytes; 0 is legal.
    let byteCount: UInt32
    let flags: DescriptorFlags
    /// The table index of the next descriptor, when ``DescriptorFlags/next`` is set; only in a split ring.
    let next: UInt16
    /// The number of the chain that ends here; only in a packed ring.
    let bufferID: UInt16

    /// The size of a descriptor in memory.
    static let byteCount = 16

    /// How the second half of a descriptor is laid out.
    enum Format {
        /// `{le32 len; le16 flags; le16 next}`
        case split
        /// `{le32 len; le16 id; le16 flags}`
        case packed
    }

    /// Splits the two little-endian words that a descriptor is, the first of which is its address.
    @inline(__always)
    init(_ format: Format, firstWord: UInt64, secondWord: UInt64) {
        let second = UInt64(littleEndian: secondWord)
        let (third, fourth) = (UInt16(truncatingIfNeeded: second >> 32), UInt16(truncatingIfNeeded: second >> 48))
        address = GuestAddress(UInt64(littleEndian: firstWord))
        byteCount = UInt32(truncatingIfNeeded: second)
        switch format {
        case .split: (flags, next, bufferID) = (DescriptorFlags(rawValue: third), fourth, 0)
        case .packed: (flags, next, bufferID) = (DescriptorFlags(rawValue: fourth), 0, third)
        }
    }
}

/// The flags of a descriptor.
struct DescriptorFlags: OptionSet {
    let rawValue: UInt16

    /// VIRTQ_DESC_F_NEXT: the buffer goes on in ``Descriptor/next``.
    static let next = DescriptorFlags(rawValue: 1)
    /// VIRTQ_DESC_F_WRITE: for the device to write; otherwise for it to read.
    static let write = DescriptorFlags(rawValue: 2)
    /// VIRTQ_DESC_F_INDIRECT: the buffer is a table of descriptors.
    static let indirect = DescriptorFlags(rawValue: 4)
    /// VIRTQ_DESC_F_AVAIL of a packed ring.
    static let available = DescriptorFlags(rawValue: 1 << 7)
    /// VIRTQ_DESC_F_USED of a packed ring.
    static let used = DescriptorFlags(rawValue: 1 << 15)
}

/// Which half of a chain is wanted, seen from the device.
public enum DescriptorAccess: Sendable {
    /// What the driver wrote for us: a transmitq's buffers.
    case deviceReadable
    /// What the driver wants filled: a receiveq's buffers.
    case deviceWritable
}
