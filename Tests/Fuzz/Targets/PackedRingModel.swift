import Virtio

/// A packed ring (virtio 1.3 §2.8).
struct PackedRingModel: RingModel {
    static let feature = VirtioFeatures.packedRing

    private static let availableFlag: UInt16 = 1 << 7
    private static let usedFlag: UInt16 = 1 << 15

    /// A place in the ring with the wrap counter there.
    private struct Place {
        var slot: Int
        var wrap: Bool

        init(word: UInt16) {
            slot = Int(word & 0x7fff)
            wrap = word & 0x8000 != 0
        }

        var word: UInt16 { UInt16(slot) | (wrap ? 0x8000 : 0) }

        func advanced(by count: Int, size: Int) -> Place {
            var place = self
            for _ in 0..<count {
                place.slot += 1
                if place.slot == size {
                    place.slot = 0
                    place.wrap.toggle()
                }
            }
            return place
        }
    }

    private let image: GuestImage
    private let setup: RingSetup
    private let ring: Int
    private let driverArea: Int
    private let deviceArea: Int

    private var position: Place
    private var lookPosition: Place
    private var usedPosition: Place
    /// The used descriptor that the driver sees last, and with it all behind it.
    private var firstUsed: (place: Place, id: UInt16, byteCount: Int)?
    private var hasCallToSettle = false

    private var driverPlace: Place

    init?(_ setup: RingSetup, _ image: GuestImage) {
        guard (1...32768).contains(setup.size) else { return nil }
        let size = Int(setup.size)
        guard let ring = setup.locate(setup.addresses.descriptorTable, byteCount: 16 * size, alignment: 16),
            let driverArea = setup.locate(setup.addresses.availableRing, byteCount: 4, alignment: 4),
            let deviceArea = setup.locate(setup.addresses.usedRing, byteCount: 4, alignment: 4)
        else { return nil }
        self.image = image
        self.setup = setup
        self.ring = ring
        self.driverArea = driverArea
        self.deviceArea = deviceArea
        position = Place(word: UInt16(truncatingIfNeeded: setup.base))
        usedPosition = Place(word: UInt16(truncatingIfNeeded: setup.base >> 16))
        lookPosition = position
        driverPlace = position
        guard position.slot < size, usedPosition.slot < size else { return nil }
    }

    var size: Int { Int(setup.size) }
    var base: UInt32 { UInt32(position.word) | UInt32(usedPosition.word) << 16 }
    var owesCall: Bool { hasCallToSettle }

    private func descriptor(in slot: Int) -> ModelDescriptor {
        let place = ring + 16 * slot
        return ModelDescriptor(
            address: image.load(UInt64.self, at: place), byteCount: image.load(UInt32.self, at: place + 8),
            flags: image.load(UInt16.self, at: place + 14), link: image.load(UInt16.self, at: place + 12))
    }

    private func isAvailable(at place: Place) -> Bool {
        let flags = descriptor(in: place.slot).flags
        return (flags & Self.availableFlag != 0) == place.wrap && (flags & Self.usedFlag != 0) != place.wrap
    }

    // MARK: The device

    mutating func rewind() { lookPosition = position }

    mutating func look(wantsWritable: Bool, skip: Int) -> ModelLook {
        guard isAvailable(at: lookPosition) else { return .nothing }
        var walk = ModelWalk(
            image, wantsWritable: wantsWritable, allowsIndirect: setup.allowsIndirect, queueSize: size, skip: skip)
        var place = lookPosition
        for slotCount in 1...size {
            guard isAvailable(at: place) else { return .broken }
            let descriptor = descriptor(in: place.slot)
            let isTable = descriptor.has(ModelDescriptor.indirect)
            if !isTable {
                walk.take(descriptor)
            } else if slotCount > 1 || !walk.takeTable(descriptor, isLinked: false) {
                return .broken
            }
            place = place.advanced(by: 1, size: size)
            guard isTable || !descriptor.has(ModelDescriptor.next) else { continue }
            guard Int(descriptor.link) < size, var chain = walk.chain() else { return .broken }
            chain.id = descriptor.link
            chain.slotCount = slotCount
            lookPosition = place
            return .chain(chain)
        }
        return .broken
    }

    mutating func use(_ chain: ModelChain, written byteCount: Int) {
        if firstUsed == nil {
            firstUsed = (usedPosition, chain.id, byteCount)
        } else {
            writeUsed(at: usedPosition, id: chain.id, byteCount: byteCount)
        }
        usedPosition = usedPosition.advanced(by: chain.slotCount, size: size)
        position = position.advanced(by: chain.slotCount, size: size)
    }

    private func writeUsed(at place: Place, id: UInt16, byteCount: Int) {
        let entry = ring + 16 * place.slot
        image.deviceWrites(UInt32(byteCount), at: entry + 8)
        image.deviceWrites(id, at: entry + 12)
        image.deviceWrites(
            (place.wrap ? Self.availableFlag | Self.usedFlag : 0) | (byteCount > 0 ? ModelDescriptor.write : 0),
            at: entry + 14)
    }

    mutating func publish() {
        guard let used = firstUsed else { return }
        writeUsed(at: used.place, id: used.id, byteCount: used.byteCount)
        firstUsed = nil
        hasCallToSettle = true
    }

    mutating func settleCall() { hasCallToSettle = false }

    func disableKicks() { storeEvent(flags: 1, place: 0) }

    func enableKicks(after count: UInt16) {
        if setup.hasEventIndex {
            storeEvent(flags: 2, place: position.advanced(by: Int(count) - 1, size: size).word)
        } else {
            storeEvent(flags: 0, place: 0)
        }
    }

    private func storeEvent(flags: UInt16, place: UInt16) {
        image.deviceWrites(place, at: deviceArea)
        image.deviceWrites(flags, at: deviceArea + 2)
    }

    func hasAvailable(_ count: UInt16) -> Bool {
        isAvailable(at: position) && isAvailable(at: position.advanced(by: Int(count) - 1, size: size))
    }

    func availableCount() -> Int? {
        var place = position
        var count = 0
        for _ in 0..<size {
            guard isAvailable(at: place) else { break }
            count += descriptor(in: place.slot).has(ModelDescriptor.next) ? 0 : 1
            place = place.advanced(by: 1, size: size)
        }
        return count
    }

    // MARK: The driver

    var driverAreas: [(offset: Int, byteCount: Int)] {
        [(ring, 16 * size), (driverArea, 4), (deviceArea, 4)]
    }

    mutating func offer(_ descriptors: [ModelDescriptor]) {
        for (index, descriptor) in descriptors.enumerated() {
            let place = ring + 16 * driverPlace.slot
            let isLast = index + 1 == descriptors.count
            image.store(descriptor.address, at: place)
            image.store(descriptor.byteCount, at: place + 8)
            image.store(isLast ? descriptor.link : 0xdead, at: place + 12)
            image.store(
                descriptor.flags & ~(Self.availableFlag | Self.usedFlag) | (isLast ? 0 : ModelDescriptor.next)
                    | (driverPlace.wrap ? Self.availableFlag : Self.usedFlag), at: place + 14)
            driverPlace = driverPlace.advanced(by: 1, size: size)
        }
    }

    func write(_ descriptor: ModelDescriptor, guest address: UInt64) {
        image.store(
            descriptor.address.littleEndianBytes + descriptor.byteCount.littleEndianBytes
                + descriptor.link.littleEndianBytes + descriptor.flags.littleEndianBytes, guest: address)
    }
}
