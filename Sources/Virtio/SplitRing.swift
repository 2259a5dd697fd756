import CLinux
import Synchronization

/// The three areas of a split ring in host memory, and each access to them that there is.
///
/// Indexes here are free-running 16-bit positions; an entry's place is the position modulo the size. Every field is
/// loaded or stored by one atomic operation of its own width, because the driver changes them at the same time and may
/// be hostile. The orderings are those that a device needs (virtio 1.3 §2.7.6, §2.7.8, §2.7.13); the comment at each
/// says what it pairs with.
///
/// ## Lifetime
/// The pointers are those of one memory table. Whoever changes the table ends this value first.
@safe
struct SplitRing {
    let size: UInt16
    private let mask: UInt16

    // SAFETY of all pointers below: `init` found each area whole in one mapped region, and aligned for its fields.
    // Indexes into them are masked to be below `size`, or checked by the caller where a function says so.
    private let descriptors: UnsafePointer<Atomic<UInt64>>
    private let availableFlags: UnsafePointer<Atomic<UInt16>>
    private let availableIndex: UnsafePointer<Atomic<UInt16>>
    private let availableEntries: UnsafePointer<Atomic<UInt16>>
    private let usedEvent: UnsafePointer<Atomic<UInt16>>
    private let usedFlags: UnsafePointer<Atomic<UInt16>>
    private let usedIndex: UnsafePointer<Atomic<UInt16>>
    private let usedEntries: UnsafePointer<Atomic<UInt32>>
    private let availableEvent: UnsafePointer<Atomic<UInt16>>

    /// Finds the areas in `memory`.
    ///
    /// - Throws: ``VirtqueueError``: the guest chose a size or a place that cannot be.
    init(
        _ addresses: RingAddresses, in space: RingAddressSpace, size: UInt32, memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        guard size.nonzeroBitCount == 1, size <= SplitRingLayout.maximumSize else { throw .badSize(size) }
        let layout = SplitRingLayout(size: Int(size))
        self.size = UInt16(size)
        mask = UInt16(size - 1)

        let table = try unsafe RingArea.descriptorTable.resolve(
            addresses.descriptorTable, in: space, byteCount: layout.descriptorTableByteCount,
            alignment: SplitRingLayout.descriptorTableAlignment, memory: memory)
        let available = try unsafe RingArea.availableRing.resolve(
            addresses.availableRing, in: space, byteCount: layout.availableRingByteCount,
            alignment: SplitRingLayout.availableRingAlignment, memory: memory)
        let used = try unsafe RingArea.usedRing.resolve(
            addresses.usedRing, in: space, byteCount: layout.usedRingByteCount,
            alignment: SplitRingLayout.usedRingAlignment, memory: memory)

        unsafe descriptors = UnsafePointer(table.assumingMemoryBound(to: Atomic<UInt64>.self))
        unsafe availableFlags = Self.field(available, SplitRingLayout.flagsOffset)
        unsafe availableIndex = Self.field(available, SplitRingLayout.indexOffset)
        unsafe availableEntries = Self.field(available, SplitRingLayout.entriesOffset)
        unsafe usedEvent = Self.field(available, layout.usedEventOffset)
        unsafe usedFlags = Self.field(used, SplitRingLayout.flagsOffset)
        unsafe usedIndex = Self.field(used, SplitRingLayout.indexOffset)
        unsafe usedEntries = UnsafePointer(
            (used + SplitRingLayout.entriesOffset).assumingMemoryBound(to: Atomic<UInt32>.self))
        unsafe availableEvent = Self.field(used, layout.availableEventOffset)
    }

    private static func field(_ area: UnsafeMutableRawPointer, _ offset: Int) -> UnsafePointer<Atomic<UInt16>> {
        unsafe UnsafePointer((area + offset).assumingMemoryBound(to: Atomic<UInt16>.self))
    }
}

// MARK: - What the driver wrote

extension SplitRing {
    /// How far the driver has got. Acquire: pairs with the driver's barrier between writing entries and writing the
    /// index (§2.7.13.3), so that entries and descriptors below it are there to read.
    @inline(__always)
    func loadAvailableIndex() -> UInt16 {
        unsafe UInt16(littleEndian: availableIndex.pointee.load(ordering: .acquiring))
    }

    /// The head that the driver offers at `position`; not checked.
    @inline(__always)
    func availableHead(at position: UInt16) -> UInt16 {
        unsafe UInt16(littleEndian: availableEntries[Int(position & mask)].load(ordering: .relaxed))
    }

    /// The descriptor at `index`, which the caller has checked to be below ``size``: two loads, then only the copy is
    /// looked at.
    @inline(__always)
    func descriptor(at index: UInt16) -> Descriptor {
        // SAFETY: masked, although the caller checked it: a wrong index must not be a wrong address.
        let words = unsafe descriptors + 2 * Int(index & mask)
        return unsafe Descriptor(
            .split, firstWord: words[0].load(ordering: .relaxed), secondWord: words[1].load(ordering: .relaxed))
    }

    /// The used index at which the driver wants the next call (EVENT_IDX).
    @inline(__always)
    func loadUsedEvent() -> UInt16 {
        unsafe UInt16(littleEndian: usedEvent.pointee.load(ordering: .relaxed))
    }

    /// Whether the driver asks for no calls (without EVENT_IDX).
    @inline(__always)
    var driverWantsNoCall: Bool {
        unsafe UInt16(littleEndian: availableFlags.pointee.load(ordering: .relaxed)) & SplitRingLayout.noInterrupt != 0
    }
}

// MARK: - What we write

extension SplitRing {
    /// The used index as the ring holds it: where a ring that ran before goes on.
    func loadUsedIndex() -> UInt16 {
        unsafe UInt16(littleEndian: usedIndex.pointee.load(ordering: .relaxed))
    }

    /// Writes the used entry at `position`; the driver sees it with the next ``storeUsedIndex(_:)``.
    @inline(__always)
    func storeUsedEntry(at position: UInt16, head: UInt16, written byteCount: UInt32) {
        let entry = unsafe usedEntries + 2 * Int(position & mask)
        unsafe entry[0].store(UInt32(head).littleEndian, ordering: .relaxed)
        unsafe entry[1].store(byteCount.littleEndian, ordering: .relaxed)
    }

    /// Shows the driver all used entries below `index`. Release: entries and the data in the buffers are written before
    /// it (§2.7.8.2).
    @inline(__always)
    func storeUsedIndex(_ index: UInt16) {
        unsafe usedIndex.pointee.store(index.littleEndian, ordering: .releasing)
    }

    /// Asks for a kick once the driver's index passes `index` (EVENT_IDX). The caller's full fence comes behind it.
    @inline(__always)
    func storeAvailableEvent(_ index: UInt16) {
        unsafe availableEvent.pointee.store(index.littleEndian, ordering: .relaxed)
    }

    /// Asks for kicks, or for none (without EVENT_IDX). The caller's full fence comes behind it.
    @inline(__always)
    func storeUsedFlags(wantsKicks: Bool) {
        let flags = wantsKicks ? 0 : SplitRingLayout.noNotify
        unsafe usedFlags.pointee.store(flags.littleEndian, ordering: .relaxed)
    }
}
