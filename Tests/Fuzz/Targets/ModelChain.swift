/// A piece of memory at one of the device's addresses.
struct HostPiece: Equatable {
    var address: UInt
    var byteCount: Int
}

/// A chain as the specification reads it.
struct ModelChain {
    var id: UInt16 = 0
    /// How many slots of a packed ring it takes; 1 in a split one.
    var slotCount = 1
    var descriptorCount = 0
    /// The bytes of the wanted half, those left out that were moved before, in order.
    var pieces: [HostPiece] = []
    var wantedByteCount = 0
    /// How many of these the batch has room for.
    var mappedByteCount = 0
}

/// A descriptor as it is in memory; the last two fields of 16 bits have another order in each layout.
struct ModelDescriptor {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4

    var address: UInt64
    var byteCount: UInt32
    var flags: UInt16 = 0
    /// `next` in a split ring, `id` in a packed one.
    var link: UInt16 = 0

    func has(_ flag: UInt16) -> Bool { flags & flag != 0 }
}

/// Walks one chain by the rules of virtio 1.3 §2.7.4 to §2.7.5.3 and §2.8.5 to §2.8.8; a function that returns false
/// has found one broken.
///
/// Written from the specification. It makes lists where the device counts, and looks for a region where the device
/// divides by two.
struct ModelWalk {
    let image: GuestImage
    let wantsWritable: Bool
    let allowsIndirect: Bool
    let queueSize: Int
    /// How many bytes of the wanted half were moved before.
    let skip: Int

    private(set) var descriptors: [ModelDescriptor] = []

    init(_ image: GuestImage, wantsWritable: Bool, allowsIndirect: Bool, queueSize: Int, skip: Int) {
        self.image = image
        self.wantsWritable = wantsWritable
        self.allowsIndirect = allowsIndirect
        self.queueSize = queueSize
        self.skip = skip
    }

    mutating func take(_ descriptor: ModelDescriptor) {
        descriptors.append(descriptor)
    }

    /// Takes the entries of an indirect table, of linked ones or of a row.
    mutating func takeTable(_ table: ModelDescriptor, isLinked: Bool) -> Bool {
        let count = Int(table.byteCount) / 16
        guard allowsIndirect, !table.has(ModelDescriptor.next), table.byteCount % 16 == 0, count > 0,
            // As many as the device says it takes, although the specification has the queue size.
            count <= max(queueSize, 1024)
        else { return false }
        var index = 0
        for step in 0..<count {
            guard let entry = loadEntry(index, of: table, isLinked: isLinked) else { return false }
            take(entry)
            guard isLinked else {
                index = step + 1
                continue
            }
            if entry.has(ModelDescriptor.indirect) { return false }
            if !entry.has(ModelDescriptor.next) { return true }
            index = Int(entry.link)
            if index >= count { return false }
        }
        return !isLinked
    }

    private func loadEntry(_ index: Int, of table: ModelDescriptor, isLinked: Bool) -> ModelDescriptor? {
        var bytes: [UInt8] = []
        for position in 0..<16 {
            let (address, overflow) = table.address.addingReportingOverflow(UInt64(16 * index + position))
            guard !overflow, let place = GuestImage.locate(guest: address) else { return nil }
            bytes.append(image.load(UInt8.self, at: place.fileOffset))
        }
        func number<Value: FixedWidthInteger>(_ range: Range<Int>) -> Value {
            bytes[range].reversed().reduce(0) { $0 << 8 | Value($1) }
        }
        let (third, fourth): (UInt16, UInt16) = (number(12..<14), number(14..<16))
        return ModelDescriptor(
            address: number(0..<8), byteCount: number(8..<12), flags: isLinked ? third : fourth,
            link: isLinked ? fourth : third)
    }

    /// The chain of what was taken; nil when a rule about all of it is broken.
    func chain() -> ModelChain? {
        let firstWritable = descriptors.firstIndex { $0.has(ModelDescriptor.write) } ?? descriptors.count
        guard descriptors[firstWritable...].allSatisfy({ $0.has(ModelDescriptor.write) }),
            firstWritable == 0 || !wantsWritable,
            descriptors.reduce(0, { $0 + UInt64($1.byteCount) }) < 1 << 32
        else { return nil }
        var chain = ModelChain()
        chain.descriptorCount = descriptors.count
        var bytesToSkip = skip
        for descriptor in wantsWritable ? descriptors[...] : descriptors[..<firstWritable] {
            guard append(descriptor, to: &chain, skipping: &bytesToSkip) else { return nil }
        }
        return bytesToSkip == 0 ? chain : nil
    }

    private func append(
        _ buffer: ModelDescriptor, to chain: inout ModelChain, skipping bytesToSkip: inout Int
    ) -> Bool {
        var address = buffer.address
        var left = Int(buffer.byteCount)
        while left > 0 {
            guard let place = GuestImage.locate(guest: address) else { return false }
            let count = min(left, place.byteCount)
            let skipped = min(bytesToSkip, count)
            bytesToSkip -= skipped
            if skipped < count {
                let offset = place.fileOffset - GuestImage.regions[place.region].fileOffset + skipped
                chain.pieces.append(
                    HostPiece(address: image.hostBases[place.region] + UInt(offset), byteCount: count - skipped))
                chain.wantedByteCount += count - skipped
            }
            // Regions end below 2^64.
            address &+= UInt64(count)
            left -= count
        }
        return true
    }
}
