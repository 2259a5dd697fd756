import Synchronization

/// A split ring with EVENT_IDX and INDIRECT, from the driver's side (virtio 1.3 §2.7).
@safe
package final class SplitDriverRing: DriverRing {
    package let size: Int
    package let areas: RingAreas
    private let memory: GuestRAM
    private let mask: UInt16
    /// Room for an indirect table of ``maximumPieces`` for each slot.
    private let tables: UInt64
    private static let maximumPieces = 16

    // SAFETY of all pointers: `init` allocated each area whole in `memory`, which this object keeps. Indexes into them
    // are masked or checked to be below `size`.
    private let descriptors: UnsafeMutableRawPointer
    private let availableIndex: UnsafePointer<Atomic<UInt16>>
    private let availableEntries: UnsafePointer<Atomic<UInt16>>
    private let usedEvent: UnsafePointer<Atomic<UInt16>>
    private let usedIndex: UnsafePointer<Atomic<UInt16>>
    private let usedEntries: UnsafePointer<Atomic<UInt32>>
    private let availableEvent: UnsafePointer<Atomic<UInt16>>

    private var offered: UInt16 = 0
    private var taken: UInt16 = 0
    private var knownUsed: UInt16 = 0

    package init(memory: GuestRAM, size: Int) throws {
        precondition(size.nonzeroBitCount == 1 && size <= 32768)
        self.memory = memory
        self.size = size
        mask = UInt16(size - 1)
        areas = RingAreas(
            descriptors: try memory.allocate(16 * size), driver: try memory.allocate(6 + 2 * size),
            device: try memory.allocate(6 + 8 * size))
        tables = try memory.allocate(16 * Self.maximumPieces * size)
        unsafe descriptors = memory.pointer(areas.descriptors, 16 * size)
        let driver = unsafe memory.pointer(areas.driver, 6 + 2 * size)
        let device = unsafe memory.pointer(areas.device, 6 + 8 * size)
        unsafe driver.initializeMemory(as: UInt8.self, repeating: 0, count: 6 + 2 * size)
        unsafe device.initializeMemory(as: UInt8.self, repeating: 0, count: 6 + 8 * size)
        unsafe availableIndex = Self.field(driver, 2)
        unsafe availableEntries = Self.field(driver, 4)
        unsafe usedEvent = Self.field(driver, 4 + 2 * size)
        unsafe usedIndex = Self.field(device, 2)
        unsafe usedEntries = UnsafePointer((device + 4).assumingMemoryBound(to: Atomic<UInt32>.self))
        unsafe availableEvent = Self.field(device, 4 + 8 * size)
    }

    private static func field(_ area: UnsafeMutableRawPointer, _ offset: Int) -> UnsafePointer<Atomic<UInt16>> {
        unsafe UnsafePointer((area + offset).assumingMemoryBound(to: Atomic<UInt16>.self))
    }

    package func describe(_ slot: Int, _ pieces: [BufferPiece]) throws {
        precondition((0..<size).contains(slot))
        let place = unsafe descriptors + 16 * slot
        if pieces.count == 1 {
            let piece = pieces[0]
            unsafe DescriptorWriter.write(
                place, address: piece.address, byteCount: piece.byteCount,
                piece.isWritable ? DescriptorFlags.write : 0, 0)
            return
        }
        precondition(pieces.count <= Self.maximumPieces)
        let table = tables + UInt64(16 * Self.maximumPieces * slot)
        for (index, piece) in pieces.enumerated() {
            let isLast = index + 1 == pieces.count
            let flags = (piece.isWritable ? DescriptorFlags.write : 0) | (isLast ? 0 : DescriptorFlags.next)
            unsafe DescriptorWriter.write(
                memory.pointer(table + UInt64(16 * index), 16), address: piece.address, byteCount: piece.byteCount,
                flags, isLast ? 0 : UInt16(index + 1))
        }
        unsafe DescriptorWriter.write(
            place, address: table, byteCount: 16 * pieces.count, DescriptorFlags.indirect, 0)
    }

    package func offer(_ slot: Int) -> Bool {
        // A buffer's head is its slot: one descriptor each.
        unsafe availableEntries[Int(offered & mask)].store(UInt16(slot).littleEndian, ordering: .relaxed)
        offered &+= 1
        // Entries and descriptors before the index (§2.7.13.3), the index before the event is looked at (§2.7.13.4.1).
        unsafe availableIndex.pointee.store(offered.littleEndian, ordering: .releasing)
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        let event = unsafe UInt16(littleEndian: availableEvent.pointee.load(ordering: .relaxed))
        // vring_need_event(event, offered, offered - 1), §2.7.10.
        return offered &- event &- 1 < 1
    }

    package func takeUsed() -> UsedBuffer? {
        if taken == knownUsed {
            knownUsed = unsafe UInt16(littleEndian: usedIndex.pointee.load(ordering: .acquiring))
            guard taken != knownUsed else { return nil }
        }
        let entry = unsafe usedEntries + 2 * Int(taken & mask)
        let slot = unsafe Int(UInt32(littleEndian: entry[0].load(ordering: .relaxed)))
        let byteCount = unsafe Int(UInt32(littleEndian: entry[1].load(ordering: .relaxed)))
        precondition(slot < size, "the device used a buffer that does not exist")
        taken &+= 1
        unsafe usedEvent.pointee.store(taken.littleEndian, ordering: .relaxed)
        return UsedBuffer(slot: slot, byteCount: byteCount)
    }
}
