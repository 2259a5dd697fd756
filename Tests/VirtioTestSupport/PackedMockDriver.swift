public import Virtio

/// The driver's half of a packed virtqueue, written from the specification (virtio 1.3 §2.8) and from nothing else.
///
/// It does what a driver may do, and with the raw functions what it may not. Ids are not the slots, and only the last
/// descriptor of a chain has the right one.
public final class PackedMockDriver {
    /// One descriptor as the driver writes it.
    public struct RawDescriptor: Equatable, Sendable {
        public var address: UInt64
        public var length: UInt32
        public var id: UInt16
        public var flags: UInt16

        public init(address: UInt64, length: UInt32, id: UInt16 = 0, flags: UInt16 = 0) {
            self.address = address
            self.length = length
            self.id = id
            self.flags = flags
        }
    }

    /// A place in the ring with the wrap counter there.
    public struct Place: Equatable, Sendable {
        public var slot: Int
        public var wrap: Bool

        public init(slot: Int, wrap: Bool) {
            self.slot = slot
            self.wrap = wrap
        }

        /// Bits 0–14 the slot, bit 15 the wrap counter.
        public init(word: UInt16) {
            self.init(slot: Int(word & 0x7fff), wrap: word & 0x8000 != 0)
        }

        public var word: UInt16 { UInt16(slot) | (wrap ? 0x8000 : 0) }

        /// One slot further at a time; the counter flips at the end of the ring.
        public func advanced(by count: Int, size: Int) -> Place {
            var place = self
            for _ in 0..<count {
                place.slot += 1
                if place.slot == size { place = Place(slot: 0, wrap: !place.wrap) }
            }
            return place
        }
    }

    /// A used descriptor.
    public struct UsedEntry: Equatable, Sendable {
        public let id: UInt16
        public let length: UInt32
        /// VIRTQ_DESC_F_WRITE.
        public let isWritten: Bool

        public init(id: UInt16, length: UInt32, isWritten: Bool) {
            self.id = id
            self.length = length
            self.isWritten = isWritten
        }
    }

    public static let next: UInt16 = 1
    public static let write: UInt16 = 2
    public static let indirect: UInt16 = 4
    public static let available: UInt16 = 1 << 7
    public static let used: UInt16 = 1 << 15

    public let memory: TestMemory
    public let size: Int
    /// Where the three areas are, guest-physical.
    public let descriptorRing: UInt64
    public let driverArea: UInt64
    public let deviceArea: UInt64
    /// Where buffers are taken from, upwards, without ever being given back: tests are short.
    public var nextBuffer: UInt64

    /// Where the next chain goes.
    public private(set) var availablePlace: Place
    /// Where the next used descriptor comes.
    public private(set) var usedPlace: Place
    private var kickedPlace: Place
    private var freeIDs: [UInt16]
    private var slotCounts: [UInt16: Int] = [:]

    /// Lays the ring out from `base` on; buffers come behind it. `word` is where both sides begin.
    public init(memory: TestMemory, size: Int, base: UInt64 = TestMemory.usualBase, startingAt word: UInt16 = 0x8000) {
        self.memory = memory
        self.size = size
        descriptorRing = base
        driverArea = base + UInt64(16 * size)
        deviceArea = driverArea + 4
        nextBuffer = (deviceArea + 4 + 0xff) & ~0xff
        let place = Place(word: word)
        freeSlotCount = size
        (availablePlace, usedPlace, kickedPlace) = (place, place, place)
        // In pairs the other way round: an id taken for a slot shows.
        freeIDs = (0..<UInt16(size)).map { $0 ^ 1 < UInt16(size) ? $0 ^ 1 : $0 }
        memory.store([UInt8](repeating: 0, count: 16 * size + 8), at: base)
        // What was used last in a slot has both bits of its lap's counter: of this lap below the place, of the one
        // before from there on.
        for slot in 0..<size where (slot < place.slot) == place.wrap {
            memory.store(Self.available | Self.used, at: descriptorRing + UInt64(16 * slot) + 14)
        }
    }

    /// The addresses as SET_VRING_ADDR carries them.
    public var userAddresses: RingAddresses {
        RingAddresses(
            descriptorTable: memory.userAddress(descriptorRing), availableRing: memory.userAddress(driverArea),
            usedRing: memory.userAddress(deviceArea))
    }

    /// The addresses with GPA_ADDRESSES.
    public var guestAddresses: RingAddresses {
        RingAddresses(descriptorTable: descriptorRing, availableRing: driverArea, usedRing: deviceArea)
    }

    /// How many slots no chain has.
    public private(set) var freeSlotCount: Int

    // MARK: What a driver may do

    /// Takes fresh memory for a buffer, with a gap before the next one.
    public func allocate(_ byteCount: Int) -> UInt64 {
        defer { nextBuffer += UInt64(byteCount) + 8 }
        return nextBuffer
    }

    /// Makes one chain available whose descriptors are in an indirect table, which needs no alignment.
    ///
    /// - Parameter tableFlags: set in every entry too; all but WRITE are reserved there.
    @discardableResult
    public func addIndirect(
        _ descriptors: [RawDescriptor], tableAlignment: UInt64 = 16, tableFlags: UInt16 = 0
    ) -> UInt16 {
        nextBuffer = (nextBuffer + 0xf) & ~0xf
        nextBuffer += tableAlignment % 16
        let table = allocate(16 * descriptors.count)
        for (index, descriptor) in descriptors.enumerated() {
            var entry = descriptor
            entry.flags |= tableFlags
            write(entry, at: table + UInt64(16 * index))
        }
        return addChain([RawDescriptor(address: table, length: UInt32(16 * descriptors.count), flags: Self.indirect)])
    }

    /// Makes a chain available: NEXT, the bits of the lap and the id are put in here. The first descriptor's flags are
    /// written last (§2.8.21).
    @discardableResult
    public func addChain(_ descriptors: [RawDescriptor]) -> UInt16 {
        precondition(descriptors.count <= freeSlotCount, "the test offers more than the ring holds")
        let id = freeIDs.removeFirst()
        slotCounts[id] = descriptors.count
        freeSlotCount -= descriptors.count
        let first = availablePlace
        var firstFlags: UInt16 = 0
        for (index, descriptor) in descriptors.enumerated() {
            let isLast = index + 1 == descriptors.count
            var linked = descriptor
            linked.id = isLast ? id : 0xdead
            linked.flags |= (isLast ? 0 : Self.next) | flagsToOffer(at: availablePlace)
            if index == 0 {
                firstFlags = linked.flags
                linked.flags = flags(inSlot: first.slot)
            }
            write(linked, atSlot: availablePlace.slot)
            availablePlace = availablePlace.advanced(by: 1, size: size)
        }
        setFlags(firstFlags, inSlot: first.slot)
        return id
    }

    /// The used descriptors that are new since the last call (§2.8.22).
    public func takeUsed() -> [UsedEntry] {
        var entries: [UsedEntry] = []
        while entries.count < size {
            let place = descriptorRing + UInt64(16 * usedPlace.slot)
            let flags = flags(inSlot: usedPlace.slot)
            let (isAvailable, isUsed) = (flags & Self.available != 0, flags & Self.used != 0)
            guard isAvailable == isUsed, isUsed == usedPlace.wrap else { return entries }
            let entry = UsedEntry(
                id: memory.load(UInt16.self, at: place + 12), length: memory.load(UInt32.self, at: place + 8),
                isWritten: flags & Self.write != 0)
            entries.append(entry)
            // An id that no chain has: the caller sees it, and the ring is lost.
            guard let slotCount = slotCounts.removeValue(forKey: entry.id) else { return entries }
            freeIDs.append(entry.id)
            freeSlotCount += slotCount
            usedPlace = usedPlace.advanced(by: slotCount, size: size)
        }
        return entries
    }

    /// What the device asks for: the place, and flags 0 always, 1 never, 2 at the place.
    public var deviceEvent: (place: UInt16, flags: UInt16) {
        (memory.load(UInt16.self, at: deviceArea), memory.load(UInt16.self, at: deviceArea + 2))
    }

    /// Whether the device asks for no kick.
    public var deviceWantsNoKick: Bool { deviceEvent.flags == 1 }

    /// What the driver asks for.
    public var driverEvent: (place: UInt16, flags: UInt16) {
        get { (memory.load(UInt16.self, at: driverArea), memory.load(UInt16.self, at: driverArea + 2)) }
        set {
            memory.store(newValue.place, at: driverArea)
            memory.store(newValue.flags, at: driverArea + 2)
        }
    }

    /// Whether the driver kicks for what it has made available since the last call: always, never, or when the device's
    /// place is among the slots since then.
    public func needsKick() -> Bool {
        defer { kickedPlace = availablePlace }
        let event = deviceEvent
        guard kickedPlace != availablePlace, event.flags != 1 else { return false }
        guard event.flags == 2 else { return true }
        var place = kickedPlace
        while place != availablePlace {
            if place.word == event.place { return true }
            place = place.advanced(by: 1, size: size)
        }
        return false
    }

    // MARK: What a driver must not do

    /// The two bits that offer a descriptor at a place: AVAIL is the counter, USED is not.
    public func flagsToOffer(at place: Place) -> UInt16 { place.wrap ? Self.available : Self.used }

    /// The flags in a slot.
    public func flags(inSlot slot: Int) -> UInt16 {
        memory.load(UInt16.self, at: descriptorRing + UInt64(16 * slot) + 14)
    }

    /// Writes the flags of a slot and nothing else.
    public func setFlags(_ flags: UInt16, inSlot slot: Int) {
        memory.store(flags, at: descriptorRing + UInt64(16 * slot) + 14)
    }

    /// Writes one descriptor of the ring, with exactly these flags.
    public func write(_ descriptor: RawDescriptor, atSlot slot: Int) {
        write(descriptor, at: descriptorRing + UInt64(16 * slot))
    }

    /// Writes one descriptor anywhere.
    public func write(_ descriptor: RawDescriptor, at address: UInt64) {
        memory.store(descriptor.address, at: address)
        memory.store(descriptor.length, at: address + 8)
        memory.store(descriptor.id, at: address + 12)
        memory.store(descriptor.flags, at: address + 14)
    }

    /// Offers one descriptor with these flags beside those of the lap, in the next slot; nothing else is kept of it.
    public func offerRaw(_ descriptor: RawDescriptor) {
        var offered = descriptor
        offered.flags |= flagsToOffer(at: availablePlace)
        write(offered, atSlot: availablePlace.slot)
        availablePlace = availablePlace.advanced(by: 1, size: size)
    }
}
