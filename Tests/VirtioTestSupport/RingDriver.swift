import Glibc
public import Virtio

/// Which layout the suites that serve whole rings play: what VHOST_USER_SERIAL_TEST_RINGS says, or split ones.
public enum TestRings: Sendable {
    case split, packed

    public static let current: TestRings =
        unsafe getenv("VHOST_USER_SERIAL_TEST_RINGS")
        .map { unsafe String(cString: $0) } == "packed" ? .packed : .split
    public static var arePacked: Bool { current == .packed }

    /// VIRTIO_F_RING_PACKED, or nothing.
    public static var features: VirtioFeatures { VirtioFeatures(rawValue: arePacked ? 1 << 34 : 0) }
    /// Where a new ring begins, as SET_VRING_BASE says it.
    public static var freshBase: UInt32 { arePacked ? 0x8000_8000 : 0 }

    /// Where a ring goes on after so many chains of one descriptor.
    public static func base(after count: Int, size: Int = 64) -> UInt32 {
        guard arePacked else { return UInt32(UInt16(truncatingIfNeeded: count)) }
        return UInt32(PackedMockDriver.Place(word: 0x8000).advanced(by: count, size: size).word) * 0x1_0001
    }

    /// A driver for a ring that begins at `base`, whose two places are the same in a packed one.
    public static func makeDriver(
        memory: TestMemory, size: Int, base address: UInt64, startingAt base: UInt32
    ) -> any RingDriver {
        let word = UInt16(truncatingIfNeeded: base)
        switch current {
        case .split: return MockDriver(memory: memory, size: size, base: address, startingAt: word)
        case .packed:
            precondition(base == UInt32(word) * 0x1_0001, "the device has left its two places apart")
            return PackedMockDriver(memory: memory, size: size, base: address, startingAt: word)
        }
    }
}

/// What a well-behaved driver does on a ring of either layout.
public protocol RingDriver: AnyObject {
    var memory: TestMemory { get }
    var size: Int { get }
    var nextBuffer: UInt64 { get set }
    var userAddresses: RingAddresses { get }
    /// Where the descriptors are, guest-physical.
    var descriptorBase: UInt64 { get }

    func allocate(_ byteCount: Int) -> UInt64
    /// Makes a chain available; tells its number and where its first descriptor is.
    @discardableResult
    func offer(_ descriptors: [MockDriver.RawDescriptor]) -> (id: UInt16, slot: Int)
    /// Makes a chain available whose descriptors are in a table.
    @discardableResult
    func offerIndirect(_ descriptors: [MockDriver.RawDescriptor]) -> (id: UInt16, slot: Int)
    /// What is used since the last call.
    func takeUsedEntries() -> [MockDriver.UsedEntry]
    func needsKick(eventIndex: Bool) -> Bool
    /// Whether the device asks for no kick, without EVENT_IDX.
    var deviceWantsNoKick: Bool { get }
    /// Whether the device asks, by EVENT_IDX, for a kick when so many chains of one descriptor were offered since the
    /// ring was new, and one more.
    func isKickWanted(after count: UInt16) -> Bool
    /// Asks for a call for the next used chain, by EVENT_IDX.
    func wantNextCall()
    /// Asks for a call when so many chains of one descriptor were used since the ring was new, and one more.
    func wantCall(after count: UInt16)
    /// Asks for no calls, without EVENT_IDX.
    func wantNoCalls()
    /// Asks for a call whenever chains were used, without EVENT_IDX.
    func wantAllCalls()
    /// Does what no driver may, so that the ring is broken when it is looked at.
    func breakRing()
}

extension RingDriver {
    /// Makes one chain available: readable buffers with these contents, then writable ones of these sizes.
    ///
    /// - Returns: its number, and where the writable buffers are.
    @discardableResult
    public func add(readable: [[UInt8]] = [], writable: [Int] = []) -> (id: UInt16, writable: [UInt64]) {
        var descriptors: [MockDriver.RawDescriptor] = readable.map { bytes in
            let address = allocate(bytes.count)
            memory.store(bytes, at: address)
            return MockDriver.RawDescriptor(address: address, length: UInt32(bytes.count))
        }
        let places = writable.map(allocate)
        for (place, count) in zip(places, writable) {
            descriptors.append(
                MockDriver.RawDescriptor(address: place, length: UInt32(count), flags: MockDriver.write))
        }
        return (offer(descriptors).id, places)
    }
}

extension MockDriver: RingDriver {
    public var descriptorBase: UInt64 { descriptorTable }

    public func offer(_ descriptors: [RawDescriptor]) -> (id: UInt16, slot: Int) {
        let head = writeChain(descriptors)
        makeAvailable(head)
        return (head, Int(head))
    }

    public func offerIndirect(_ descriptors: [RawDescriptor]) -> (id: UInt16, slot: Int) {
        let head = addIndirect(descriptors)
        return (head, Int(head))
    }

    public func takeUsedEntries() -> [UsedEntry] { takeUsed() }
    public func isKickWanted(after count: UInt16) -> Bool { availableEvent == count }
    public func wantNextCall() { usedEvent = seenUsedIndex }
    public func wantCall(after count: UInt16) { usedEvent = count }
    public func wantNoCalls() { wantsNoInterrupt = true }
    public func wantAllCalls() { wantsNoInterrupt = false }
    public func breakRing() { setAvailableIndex(availableIndex &+ 1000) }
}

extension PackedMockDriver: RingDriver {
    public var descriptorBase: UInt64 { descriptorRing }

    private func packed(_ descriptors: [MockDriver.RawDescriptor]) -> [RawDescriptor] {
        descriptors.map { RawDescriptor(address: $0.address, length: $0.length, flags: $0.flags) }
    }

    public func offer(_ descriptors: [MockDriver.RawDescriptor]) -> (id: UInt16, slot: Int) {
        let slot = availablePlace.slot
        return (addChain(packed(descriptors)), slot)
    }

    public func offerIndirect(_ descriptors: [MockDriver.RawDescriptor]) -> (id: UInt16, slot: Int) {
        let slot = availablePlace.slot
        return (addIndirect(packed(descriptors)), slot)
    }

    public func takeUsedEntries() -> [MockDriver.UsedEntry] {
        takeUsed().map { MockDriver.UsedEntry(id: UInt32($0.id), length: $0.length) }
    }

    /// Where a new ring is after so many slots.
    private func word(after count: UInt16) -> UInt16 {
        Place(word: 0x8000).advanced(by: Int(count), size: size).word
    }

    public func needsKick(eventIndex: Bool) -> Bool { needsKick() }
    public func isKickWanted(after count: UInt16) -> Bool { deviceEvent == (word(after: count), 2) }
    public func wantNextCall() { driverEvent = (usedPlace.word, 2) }
    public func wantCall(after count: UInt16) { driverEvent = (word(after: count), 2) }
    public func wantNoCalls() { driverEvent = (0, 1) }
    public func wantAllCalls() { driverEvent = (0, 0) }

    /// An id that no chain has: in a new chain, or in the oldest when the ring is full.
    public func breakRing() {
        if freeSlotCount > 0 {
            offerRaw(RawDescriptor(address: descriptorRing, length: 1, id: .max))
        } else {
            memory.store(UInt16.max, at: descriptorRing + UInt64(16 * usedPlace.slot) + 12)
        }
    }
}
