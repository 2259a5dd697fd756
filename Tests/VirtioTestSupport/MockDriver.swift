public import Virtio

/// The driver's half of a split virtqueue, written from the specification (virtio 1.3 §2.7) and from nothing else.
///
/// It does what a driver may do, and with the raw functions what it may not.
public final class MockDriver {
    /// One descriptor as the driver writes it.
    public struct RawDescriptor: Equatable, Sendable {
        public var address: UInt64
        public var length: UInt32
        public var flags: UInt16
        public var next: UInt16

        public init(address: UInt64, length: UInt32, flags: UInt16 = 0, next: UInt16 = 0) {
            self.address = address
            self.length = length
            self.flags = flags
            self.next = next
        }
    }

    /// A used entry.
    public struct UsedEntry: Equatable, Sendable {
        public let id: UInt32
        public let length: UInt32

        public init(id: UInt32, length: UInt32) {
            self.id = id
            self.length = length
        }
    }

    public static let next: UInt16 = 1
    public static let write: UInt16 = 2
    public static let indirect: UInt16 = 4

    public let memory: TestMemory
    public let size: Int
    /// Where the three areas are, guest-physical.
    public let descriptorTable: UInt64
    public let availableRing: UInt64
    public let usedRing: UInt64
    /// Where buffers are taken from, upwards, without ever being given back: tests are short.
    public var nextBuffer: UInt64

    public private(set) var availableIndex: UInt16 = 0
    public private(set) var seenUsedIndex: UInt16 = 0
    private var nextDescriptor = 0
    private var kickedIndex: UInt16 = 0

    /// Lays the ring out from `base` on; buffers come behind it.
    public init(memory: TestMemory, size: Int, base: UInt64 = TestMemory.usualBase, startingAt index: UInt16 = 0) {
        self.memory = memory
        self.size = size
        descriptorTable = base
        availableRing = base + UInt64(16 * size)
        usedRing = (availableRing + UInt64(6 + 2 * size) + 3) & ~3
        nextBuffer = (usedRing + UInt64(6 + 8 * size) + 0xff) & ~0xff
        availableIndex = index
        seenUsedIndex = index
        kickedIndex = index
        memory.store(UInt16(0), at: availableRing)
        memory.store(index, at: availableRing + 2)
        memory.store(UInt16(0), at: usedRing)
        memory.store(index, at: usedRing + 2)
    }

    /// The addresses as SET_VRING_ADDR carries them.
    public var userAddresses: RingAddresses {
        RingAddresses(
            descriptorTable: memory.userAddress(descriptorTable), availableRing: memory.userAddress(availableRing),
            usedRing: memory.userAddress(usedRing))
    }

    /// The addresses with GPA_ADDRESSES.
    public var guestAddresses: RingAddresses {
        RingAddresses(descriptorTable: descriptorTable, availableRing: availableRing, usedRing: usedRing)
    }

    // MARK: What a driver may do

    /// Takes fresh memory for a buffer, with a gap before the next one.
    public func allocate(_ byteCount: Int) -> UInt64 {
        defer { nextBuffer += UInt64(byteCount) + 8 }
        return nextBuffer
    }

    /// Makes one chain available whose descriptors are in an indirect table.
    @discardableResult
    public func addIndirect(_ descriptors: [RawDescriptor], tableAlignment: UInt64 = 16) -> UInt16 {
        nextBuffer = (nextBuffer + 0xf) & ~0xf
        nextBuffer += tableAlignment % 16
        let table = allocate(16 * descriptors.count)
        for (index, descriptor) in descriptors.enumerated() {
            var linked = descriptor
            if index + 1 < descriptors.count {
                linked.flags |= Self.next
                linked.next = UInt16(index + 1)
            }
            write(linked, at: table + UInt64(16 * index))
        }
        let head = writeChain([
            RawDescriptor(address: table, length: UInt32(16 * descriptors.count), flags: Self.indirect)
        ])
        makeAvailable(head)
        return head
    }

    /// Writes linked descriptors into the table; returns the head.
    public func writeChain(_ descriptors: [RawDescriptor]) -> UInt16 {
        let places = descriptors.indices.map { (nextDescriptor + $0) % size }
        nextDescriptor = (nextDescriptor + descriptors.count) % size
        for (index, descriptor) in descriptors.enumerated() {
            var linked = descriptor
            if index + 1 < descriptors.count {
                linked.flags |= Self.next
                linked.next = UInt16(places[index + 1])
            }
            write(linked, atIndex: places[index])
        }
        return UInt16(places[0])
    }

    /// Puts a head into the available ring and moves the index.
    public func makeAvailable(_ head: UInt16) {
        memory.store(head, at: availableRing + 4 + 2 * UInt64(Int(availableIndex) % size))
        availableIndex &+= 1
        memory.store(availableIndex, at: availableRing + 2)
    }

    /// The used entries that are new since the last call.
    public func takeUsed() -> [UsedEntry] {
        var entries: [UsedEntry] = []
        let usedIndex = memory.load(UInt16.self, at: usedRing + 2)
        while seenUsedIndex != usedIndex {
            let entry = usedRing + 4 + 8 * UInt64(Int(seenUsedIndex) % size)
            entries.append(
                UsedEntry(id: memory.load(UInt32.self, at: entry), length: memory.load(UInt32.self, at: entry + 4)))
            seenUsedIndex &+= 1
        }
        return entries
    }

    /// What the device asks for by avail_event.
    public var availableEvent: UInt16 {
        memory.load(UInt16.self, at: usedRing + 4 + 8 * UInt64(size))
    }

    /// The used index at which the driver wants a call.
    public var usedEvent: UInt16 {
        get { memory.load(UInt16.self, at: availableRing + 4 + 2 * UInt64(size)) }
        set { memory.store(newValue, at: availableRing + 4 + 2 * UInt64(size)) }
    }

    /// VIRTQ_AVAIL_F_NO_INTERRUPT.
    public var wantsNoInterrupt: Bool {
        get { memory.load(UInt16.self, at: availableRing) & 1 != 0 }
        set { memory.store(UInt16(newValue ? 1 : 0), at: availableRing) }
    }

    /// VIRTQ_USED_F_NO_NOTIFY, as the device has set it.
    public var deviceWantsNoKick: Bool {
        memory.load(UInt16.self, at: usedRing) & 1 != 0
    }

    /// Whether the driver kicks for what it has made available since the last call (§2.7.10): by avail_event, or by the
    /// flag.
    public func needsKick(eventIndex: Bool) -> Bool {
        defer { kickedIndex = availableIndex }
        guard eventIndex else { return availableIndex != kickedIndex && !deviceWantsNoKick }
        return availableIndex &- availableEvent &- 1 < availableIndex &- kickedIndex
    }

    // MARK: What a driver must not do

    /// Writes one descriptor of the ring's table.
    public func write(_ descriptor: RawDescriptor, atIndex index: Int) {
        write(descriptor, at: descriptorTable + UInt64(16 * index))
    }

    /// Writes one descriptor anywhere.
    public func write(_ descriptor: RawDescriptor, at address: UInt64) {
        memory.store(descriptor.address, at: address)
        memory.store(descriptor.length, at: address + 8)
        memory.store(descriptor.flags, at: address + 12)
        memory.store(descriptor.next, at: address + 14)
    }

    /// Moves the available index to anywhere.
    public func setAvailableIndex(_ index: UInt16) {
        availableIndex = index
        memory.store(index, at: availableRing + 2)
    }
}
