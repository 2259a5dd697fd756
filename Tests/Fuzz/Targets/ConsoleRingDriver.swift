import Virtio
import VirtioConsole

/// The driver's half of one ring of a console: a split one of 16 entries, at a place of its own.
///
/// A driver that keeps the rules: a ring has at most ``maximumChainCount`` chains, so that none has its descriptors or
/// its buffer written over while the device may read them.
struct ConsoleRingDriver {
    private static let size = 16
    private static let maximumChainCount: UInt16 = 8
    /// The room for one buffer.
    static let bufferByteCount = 256

    private let image: GuestImage
    private let base: UInt64
    private let usedRing: Int
    /// Offers chains; where the device stands it does not know.
    private var ring: SplitRingModel?
    private var offeredCount: UInt16 = 0
    private var seenUsedIndex: UInt16 = 0
    /// Where its buffers are, one for each chain.
    private let buffers: GuestImage.Region
    private let stride: Int

    init(index: Int, _ image: GuestImage) {
        self.image = image
        base = GuestImage.low.guestBase + UInt64(0x200 * index)
        usedRing = GuestImage.low.fileOffset + 0x200 * index + 0x140
        // The control queues have regions of their own: what they carry is looked at.
        (buffers, stride) =
            switch QueueRole(queueIndex: index) {
            case .controlReceiveq: (GuestImage.far, Self.bufferByteCount)
            case .controlTransmitq: (GuestImage.odd, 32)
            default: (GuestImage.high, Self.bufferByteCount)
            }
        ring = SplitRingModel(setup(base: 0), image)
    }

    func setup(base index: UInt32) -> RingSetup {
        RingSetup(
            addresses: RingAddresses(descriptorTable: base, availableRing: base + 0x100, usedRing: base + 0x140),
            space: .guestPhysical, size: UInt32(Self.size), base: index, features: [.eventIndex, .indirectDescriptors])
    }

    /// Whether there is room for a chain.
    var hasRoom: Bool { offeredCount &- image.load(UInt16.self, at: usedRing + 2) < Self.maximumChainCount }

    /// The buffer of the chain that is offered next.
    private mutating func takeBuffer() -> UInt64 {
        defer { offeredCount &+= 1 }
        return buffers.guestBase + UInt64(stride * Int(offeredCount % Self.maximumChainCount))
    }

    /// Offers a chain of two buffers with these bytes, together at most 32.
    mutating func offer(readable first: [UInt8], _ second: [UInt8]) {
        let address = takeBuffer()
        image.store(first + second, guest: address)
        ring?.offer([
            ModelDescriptor(address: address, byteCount: UInt32(first.count)),
            ModelDescriptor(address: address + UInt64(first.count), byteCount: UInt32(second.count)),
        ])
    }

    /// Offers a buffer of at most ``bufferByteCount``.
    mutating func offer(writable byteCount: Int) {
        let address = takeBuffer()
        ring?.offer([
            ModelDescriptor(address: address, byteCount: UInt32(byteCount), flags: ModelDescriptor.write)
        ])
    }

    /// What the device has written since the last call. Chains are used in their order, so the n-th has the n-th
    /// buffer.
    mutating func takeMessages() throws(OracleFailure) -> [[UInt8]] {
        let count = image.load(UInt16.self, at: usedRing + 2) &- seenUsedIndex
        try expect(count <= Self.maximumChainCount, "\(count) buffers are used of \(Self.maximumChainCount)")
        var messages: [[UInt8]] = []
        for _ in 0..<count {
            let entry = usedRing + 4 + 8 * (Int(seenUsedIndex) % Self.size)
            let byteCount = Int(image.load(UInt32.self, at: entry + 4))
            try expect(byteCount <= Self.bufferByteCount, "\(byteCount) bytes in a buffer")
            let place = buffers.fileOffset + stride * Int(seenUsedIndex % Self.maximumChainCount)
            messages.append((0..<byteCount).map { image.load(UInt8.self, at: place + $0) })
            seenUsedIndex &+= 1
        }
        return messages
    }
}
