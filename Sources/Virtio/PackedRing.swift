import CLinux
import Synchronization

/// The three areas of a packed ring in host memory, and each access to them that there is.
///
///     descriptor ring   size × { le64 addr; le32 len; le16 id; le16 flags }, written by both sides
///     driver area       { le16 off_wrap; le16 flags }: when the driver wants to be called
///     device area       { le16 off_wrap; le16 flags }: when we want to be kicked
///
/// The second half of a descriptor is one aligned word with its flags: one load takes all of it, so that what was checked
/// is what is used. Slots are indexes below ``size``; the size need not be a power of two.
///
/// ## Lifetime
/// The pointers are those of one memory table. Whoever changes the table ends this value first.
/// - Source: virtio 1.3 §2.8.
@safe
struct PackedRing {
    let size: UInt16

    // SAFETY of all pointers below: `init` found each area whole in one mapped region, and aligned for its fields. Every
    // slot is below `size`: a ``PackedPosition`` keeps it there, or the caller has checked it.
    private let descriptors: UnsafePointer<Atomic<UInt64>>
    private let driverArea: UnsafePointer<Atomic<UInt32>>
    private let deviceArea: UnsafePointer<Atomic<UInt32>>

    static let maximumSize: UInt32 = 32768
    private static let areaByteCount = 4

    /// Finds the areas in `memory`.
    ///
    /// - Throws: ``VirtqueueError``: the guest chose a size or a place that cannot be.
    init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        guard (1...Self.maximumSize).contains(size) else { throw .badSize(size) }
        self.size = UInt16(size)
        let ring = try unsafe RingArea.descriptorTable.resolve(
            addresses.descriptorTable, in: space, byteCount: Descriptor.byteCount * Int(size), alignment: 16,
            memory: memory)
        let driver = try unsafe RingArea.availableRing.resolve(
            addresses.availableRing, in: space, byteCount: Self.areaByteCount, alignment: 4, memory: memory)
        let device = try unsafe RingArea.usedRing.resolve(
            addresses.usedRing, in: space, byteCount: Self.areaByteCount, alignment: 4, memory: memory)
        unsafe descriptors = UnsafePointer(ring.assumingMemoryBound(to: Atomic<UInt64>.self))
        unsafe driverArea = UnsafePointer(driver.assumingMemoryBound(to: Atomic<UInt32>.self))
        unsafe deviceArea = UnsafePointer(device.assumingMemoryBound(to: Atomic<UInt32>.self))
    }

    /// The descriptor in a slot: length, id and flags by one load, then the address.
    ///
    /// Acquire: pairs with the driver's barrier before it writes the flags (§2.8.19), so that the address of a descriptor
    /// that is available is there to read, and so are those behind it.
    @inline(__always)
    func descriptor(in slot: UInt16) -> Descriptor {
        let words = unsafe descriptors + 2 * Int(slot)
        let second = unsafe words[1].load(ordering: .acquiring)
        return unsafe Descriptor(.packed, firstWord: words[0].load(ordering: .relaxed), secondWord: second)
    }

    /// Whether the descriptor in a slot is available to a side at `position`.
    @inline(__always)
    func isAvailable(at position: PackedPosition) -> Bool {
        let second = unsafe (descriptors + 2 * Int(position.slot) + 1).pointee.load(ordering: .acquiring)
        let flags = UInt16(truncatingIfNeeded: UInt64(littleEndian: second) >> 48)
        return position.isAvailable(DescriptorFlags(rawValue: flags))
    }

    /// Writes a used descriptor at `position`, which the driver may see at once.
    @inline(__always)
    func storeUsed(_ used: PackedUsed, at position: PackedPosition) {
        unsafe (descriptors + 2 * Int(position.slot) + 1).pointee.store(used.word(at: position), ordering: .relaxed)
    }

    /// The same behind everything written before: the buffers' data, and the used descriptors behind this one. A driver
    /// looks at them in order, so this one shows all of them (§2.8.6).
    @inline(__always)
    func publishUsed(_ used: PackedUsed, at position: PackedPosition) {
        unsafe (descriptors + 2 * Int(position.slot) + 1).pointee.store(used.word(at: position), ordering: .releasing)
    }

    /// When the driver wants to be called; one load takes both fields.
    @inline(__always)
    func loadDriverEvent() -> PackedEvent {
        unsafe PackedEvent(word: UInt32(littleEndian: driverArea.pointee.load(ordering: .relaxed)))
    }

    /// When we want to be kicked; one store shows both fields. The caller's full fence comes behind it.
    @inline(__always)
    func storeDeviceEvent(_ event: PackedEvent) {
        unsafe deviceArea.pointee.store(event.word.littleEndian, ordering: .relaxed)
    }
}

/// A used descriptor: what the driver is to know of a chain.
struct PackedUsed {
    let id: UInt16
    let byteCount: UInt32

    /// `{le32 len; le16 id; le16 flags}`, with both bits as a side at `position` marks what it used.
    ///
    /// VIRTQ_DESC_F_WRITE says that something was written (§2.8.6).
    @inline(__always)
    func word(at position: PackedPosition) -> UInt64 {
        let flags: UInt16 = position.wrap ? DescriptorFlags.available.rawValue | DescriptorFlags.used.rawValue : 0
        let written: UInt16 = byteCount > 0 ? DescriptorFlags.write.rawValue : 0
        return (UInt64(byteCount) | UInt64(id) << 32 | UInt64(flags | written) << 48).littleEndian
    }
}

/// An event suppression structure (§2.8.10): when one side wants the next notification.
struct PackedEvent: Equatable {
    var word: UInt32

    /// RING_EVENT_FLAGS_ENABLE: always.
    static let always = PackedEvent(word: 0)
    /// RING_EVENT_FLAGS_DISABLE: never.
    static let never = PackedEvent(word: 1 << 16)
    /// RING_EVENT_FLAGS_DESC: when this place is passed; only with EVENT_IDX.
    static func at(_ position: PackedPosition) -> PackedEvent {
        PackedEvent(word: UInt32(position.offsetAndWrap) | 2 << 16)
    }

    /// Bits 0 and 1 of the flags; the others are reserved.
    var kind: UInt32 { word >> 16 & 3 }
    /// The place, meant when `kind` is 2. Its slot is the driver's word and not checked.
    var offset: UInt16 { UInt16(truncatingIfNeeded: word) & 0x7fff }
    var wrap: Bool { word & 0x8000 != 0 }
}
