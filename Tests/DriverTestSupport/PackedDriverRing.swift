import Synchronization

/// A packed ring with EVENT_IDX and INDIRECT, from the driver's side (virtio 1.3 §2.8).
///
/// Its interrupts are never restricted: Linux moves the packed event only for drivers that switch their interrupts off
/// and on again, and its console driver does not.
@safe
package final class PackedDriverRing: DriverRing {
    package let size: Int
    package let areas: RingAreas
    private let memory: GuestRAM
    private let tables: UInt64
    private static let maximumPieces = 16

    private static let available: UInt16 = 1 << 7
    private static let used: UInt16 = 1 << 15

    // SAFETY of all pointers: `init` allocated each area whole in `memory`, which this object keeps. Positions stay
    // below `size`.
    private let descriptors: UnsafeMutableRawPointer
    /// Of the device's event area: position and wrap counter, then flags, in one word.
    private let deviceEvent: UnsafePointer<Atomic<UInt32>>

    /// What ``describe(_:_:)`` was told, for each slot.
    private var described: [(address: UInt64, byteCount: Int, flags: UInt16)]
    private var offerPosition = 0
    private var offerWrap = true
    private var takePosition = 0
    private var takeWrap = true

    package init(memory: GuestRAM, size: Int) throws {
        precondition((1...32768).contains(size))
        self.memory = memory
        self.size = size
        areas = RingAreas(
            descriptors: try memory.allocate(16 * size), driver: try memory.allocate(4),
            device: try memory.allocate(4))
        tables = try memory.allocate(16 * Self.maximumPieces * size)
        unsafe descriptors = memory.pointer(areas.descriptors, 16 * size)
        unsafe descriptors.initializeMemory(as: UInt8.self, repeating: 0, count: 16 * size)
        unsafe memory.pointer(areas.driver, 4).storeBytes(of: 0, as: UInt32.self)
        let device = unsafe memory.pointer(areas.device, 4)
        unsafe device.storeBytes(of: 0, as: UInt32.self)
        unsafe deviceEvent = UnsafePointer(device.assumingMemoryBound(to: Atomic<UInt32>.self))
        described = Array(repeating: (0, 0, 0), count: size)
    }

    private func flags(at position: Int) -> UnsafePointer<Atomic<UInt16>> {
        unsafe UnsafePointer((descriptors + 16 * position + 14).assumingMemoryBound(to: Atomic<UInt16>.self))
    }

    package func describe(_ slot: Int, _ pieces: [BufferPiece]) throws {
        if pieces.count == 1 {
            let flags = pieces[0].isWritable ? DescriptorFlags.write : 0
            described[slot] = (pieces[0].address, pieces[0].byteCount, flags)
            return
        }
        precondition(pieces.count <= Self.maximumPieces)
        let table = tables + UInt64(16 * Self.maximumPieces * slot)
        for (index, piece) in pieces.enumerated() {
            // In a table neither an id nor NEXT means anything (§2.8.7).
            unsafe DescriptorWriter.write(
                memory.pointer(table + UInt64(16 * index), 16), address: piece.address, byteCount: piece.byteCount, 0,
                piece.isWritable ? DescriptorFlags.write : 0)
        }
        described[slot] = (table, 16 * pieces.count, DescriptorFlags.indirect)
    }

    package func offer(_ slot: Int) -> Bool {
        let buffer = described[slot]
        let place = unsafe descriptors + 16 * offerPosition
        unsafe place.storeBytes(of: buffer.address.littleEndian, as: UInt64.self)
        unsafe place.storeBytes(of: UInt32(buffer.byteCount).littleEndian, toByteOffset: 8, as: UInt32.self)
        unsafe place.storeBytes(of: UInt16(slot).littleEndian, toByteOffset: 12, as: UInt16.self)
        let flags = buffer.flags | (offerWrap ? Self.available : Self.used)
        // The flags last: they make it available (§2.8.21.1).
        unsafe self.flags(at: offerPosition).pointee.store(flags.littleEndian, ordering: .releasing)
        offerPosition += 1
        if offerPosition == size {
            offerPosition = 0
            offerWrap.toggle()
        }
        atomicMemoryFence(ordering: .sequentiallyConsistent)
        return wantsKick
    }

    /// Whether the device asked to be told of the one that was just offered (§2.8.21.3.1).
    private var wantsKick: Bool {
        let event = unsafe UInt32(littleEndian: deviceEvent.pointee.load(ordering: .relaxed))
        switch event >> 16 & 3 {
        case 0: return true
        case 2:
            var position = UInt16(truncatingIfNeeded: event & 0x7fff)
            if (event & 0x8000 != 0) != offerWrap { position &-= UInt16(truncatingIfNeeded: size) }
            return UInt16(offerPosition) &- position &- 1 < 1
        default: return false
        }
    }

    package func takeUsed() -> UsedBuffer? {
        let flags = unsafe UInt16(littleEndian: self.flags(at: takePosition).pointee.load(ordering: .acquiring))
        guard (flags & Self.used != 0) == takeWrap, (flags & Self.available != 0) == takeWrap else { return nil }
        let place = unsafe descriptors + 16 * takePosition
        let byteCount = unsafe Int(UInt32(littleEndian: place.load(fromByteOffset: 8, as: UInt32.self)))
        let slot = unsafe Int(UInt16(littleEndian: place.load(fromByteOffset: 12, as: UInt16.self)))
        precondition(slot < size, "the device used a buffer that does not exist")
        takePosition += 1
        if takePosition == size {
            takePosition = 0
            takeWrap.toggle()
        }
        return UsedBuffer(slot: slot, byteCount: byteCount)
    }
}
