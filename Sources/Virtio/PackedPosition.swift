/// A place in a packed ring: a slot, and the wrap counter that belongs to it.
///
/// The counter begins at 1 and flips whenever the end of the ring is passed; it tells what is available from what is used
/// in slots that both sides write (virtio 1.3 §2.8.1).
struct PackedPosition: Equatable {
    /// Always below the ring's size.
    private(set) var slot: UInt16
    private(set) var wrap: Bool

    /// From the encoding of SET_VRING_BASE: bits 0–14 the slot, bit 15 the wrap counter; nil when there is no such slot.
    init?(offsetAndWrap: UInt16, size: UInt16) {
        slot = offsetAndWrap & 0x7fff
        wrap = offsetAndWrap & 0x8000 != 0
        guard slot < size else { return nil }
    }

    /// The same encoding, which is also that of event suppression.
    var offsetAndWrap: UInt16 {
        slot | (wrap ? 0x8000 : 0)
    }

    /// The place `count` slots further on; `count` is at most the size.
    @inline(__always)
    func advanced(by count: UInt16, size: UInt16) -> PackedPosition {
        var result = self
        // Both at most 32768: the sum fits.
        let sum = UInt32(slot) + UInt32(count)
        let isBeyond = sum >= UInt32(size)
        result.slot = UInt16(truncatingIfNeeded: isBeyond ? sum - UInt32(size) : sum)
        result.wrap = wrap != isBeyond
        return result
    }

    /// Whether a descriptor here with these flags is available: AVAIL is our counter, and USED is not.
    @inline(__always)
    func isAvailable(_ flags: DescriptorFlags) -> Bool {
        flags.contains(.available) == wrap && flags.contains(.used) != wrap
    }
}
