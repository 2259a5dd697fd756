import Virtio

/// A split ring (virtio 1.3 §2.7).
struct SplitRingModel: RingModel {
    static let feature: VirtioFeatures = []

    private let image: GuestImage
    private let setup: RingSetup
    private let table: Int
    private let available: Int
    private let used: Int

    private var position: UInt16
    private var lookPosition: UInt16
    /// The driver's index when it was last read: it is read again when the chains up to it are used up.
    private var seenIndex: UInt16
    private var usedIndex: UInt16
    private var publishedIndex: UInt16
    private var calledIndex: UInt16

    private var driverIndex: UInt16
    private var driverSlot = 0

    init?(_ setup: RingSetup, _ image: GuestImage) {
        guard setup.size > 0, setup.size <= 32768, setup.size & (setup.size - 1) == 0, setup.base <= 0xffff else {
            return nil
        }
        let size = Int(setup.size)
        guard let table = setup.locate(setup.addresses.descriptorTable, byteCount: 16 * size, alignment: 16),
            let available = setup.locate(setup.addresses.availableRing, byteCount: 6 + 2 * size, alignment: 2),
            let used = setup.locate(setup.addresses.usedRing, byteCount: 6 + 8 * size, alignment: 4)
        else { return nil }
        self.image = image
        self.setup = setup
        self.table = table
        self.available = available
        self.used = used
        position = UInt16(setup.base)
        lookPosition = position
        seenIndex = position
        driverIndex = position
        usedIndex = image.load(UInt16.self, at: used + 2)
        publishedIndex = usedIndex
        calledIndex = usedIndex
    }

    var size: Int { Int(setup.size) }
    var base: UInt32 { UInt32(position) }
    var owesCall: Bool { publishedIndex != calledIndex }

    private func slot(_ position: UInt16) -> Int { Int(position) % size }
    private var driverPosition: UInt16 { image.load(UInt16.self, at: available + 2) }

    // MARK: The device

    mutating func rewind() { lookPosition = position }

    mutating func look(wantsWritable: Bool, skip: Int) -> ModelLook {
        if lookPosition == seenIndex {
            guard availableCount() != nil else { return .broken }
            if lookPosition == seenIndex { return .nothing }
        }
        let head = image.load(UInt16.self, at: available + 4 + 2 * slot(lookPosition))
        var walk = ModelWalk(
            image, wantsWritable: wantsWritable, allowsIndirect: setup.allowsIndirect, queueSize: size, skip: skip)
        guard Int(head) < size, walkTable(from: head, &walk), var chain = walk.chain() else { return .broken }
        chain.id = head
        lookPosition &+= 1
        return .chain(chain)
    }

    private func walkTable(from head: UInt16, _ walk: inout ModelWalk) -> Bool {
        var index = Int(head)
        for _ in 0..<size {
            let place = table + 16 * index
            let descriptor = ModelDescriptor(
                address: image.load(UInt64.self, at: place), byteCount: image.load(UInt32.self, at: place + 8),
                flags: image.load(UInt16.self, at: place + 12), link: image.load(UInt16.self, at: place + 14))
            if descriptor.has(ModelDescriptor.indirect) { return walk.takeTable(descriptor, isLinked: true) }
            walk.take(descriptor)
            if !descriptor.has(ModelDescriptor.next) { return true }
            index = Int(descriptor.link)
            if index >= size { return false }
        }
        return false
    }

    mutating func use(_ chain: ModelChain, written byteCount: Int) {
        let entry = used + 4 + 8 * slot(usedIndex)
        image.deviceWrites(UInt32(chain.id), at: entry)
        image.deviceWrites(UInt32(byteCount), at: entry + 4)
        usedIndex &+= 1
        position &+= 1
    }

    mutating func publish() {
        guard publishedIndex != usedIndex else { return }
        image.deviceWrites(usedIndex, at: used + 2)
        publishedIndex = usedIndex
    }

    mutating func settleCall() { calledIndex = publishedIndex }

    func disableKicks() {
        if !setup.hasEventIndex { image.deviceWrites(UInt16(1), at: used) }
    }

    func enableKicks(after count: UInt16) {
        if setup.hasEventIndex {
            image.deviceWrites(seenIndex &+ count &- 1, at: used + 4 + 8 * size)
        } else {
            image.deviceWrites(UInt16(0), at: used)
        }
    }

    func hasAvailable(_ count: UInt16) -> Bool { driverPosition &- seenIndex >= count }

    mutating func availableCount() -> Int? {
        let count = Int(driverPosition &- position)
        guard count <= size else { return nil }
        seenIndex = driverPosition
        return count
    }

    // MARK: The driver

    var driverAreas: [(offset: Int, byteCount: Int)] {
        [(table, 16 * size), (available, 6 + 2 * size), (used, 6 + 8 * size)]
    }

    mutating func offer(_ descriptors: [ModelDescriptor]) {
        let head = driverSlot
        for (index, descriptor) in descriptors.enumerated() {
            let place = table + 16 * driverSlot
            driverSlot = (driverSlot + 1) % size
            let isLast = index + 1 == descriptors.count
            image.store(descriptor.address, at: place)
            image.store(descriptor.byteCount, at: place + 8)
            image.store(descriptor.flags | (isLast ? 0 : ModelDescriptor.next), at: place + 12)
            image.store(isLast ? descriptor.link : UInt16(driverSlot), at: place + 14)
        }
        image.store(UInt16(head), at: available + 4 + 2 * slot(driverIndex))
        driverIndex &+= 1
        image.store(driverIndex, at: available + 2)
    }

    func write(_ descriptor: ModelDescriptor, guest address: UInt64) {
        image.store(
            descriptor.address.littleEndianBytes + descriptor.byteCount.littleEndianBytes
                + descriptor.flags.littleEndianBytes + descriptor.link.littleEndianBytes, guest: address)
    }
}
