import Virtio

/// A ring as the specification has it, beside the device's own: where it stands, what it must find, what it must write.
///
/// What the device must write goes into the image, which tells one stray byte.
protocol RingModel {
    /// The feature that asks for this layout, if any.
    static var feature: VirtioFeatures { get }

    /// Starts the ring; nil when no device may.
    init?(_ setup: RingSetup, _ image: GuestImage)

    var size: Int { get }
    /// Where the ring goes on, as SET_VRING_BASE carries it.
    var base: UInt32 { get }
    /// How far the driver was shown more than at its last call.
    var owesCall: Bool { get }

    // MARK: The device

    mutating func rewind()
    /// What is behind the chain that was looked at last; moves behind it when that is a chain.
    mutating func look(wantsWritable: Bool, skip: Int) -> ModelLook
    mutating func use(_ chain: ModelChain, written byteCount: Int)
    mutating func publish()
    mutating func settleCall()
    func disableKicks()
    func enableKicks(after count: UInt16)
    func hasAvailable(_ count: UInt16) -> Bool
    /// How many chains are available and not used; nil when the driver's answer cannot be.
    mutating func availableCount() -> Int?

    // MARK: The driver

    /// Where the areas that the driver writes are in the file.
    var driverAreas: [(offset: Int, byteCount: Int)] { get }
    /// Makes a chain available in the next slots, whatever the device makes of it.
    mutating func offer(_ descriptors: [ModelDescriptor])
    /// Writes one descriptor, for a table.
    func write(_ descriptor: ModelDescriptor, guest address: UInt64)
}

/// What a look at a ring finds.
enum ModelLook {
    case nothing
    case broken
    case chain(ModelChain)
}

/// How a ring is started.
struct RingSetup {
    var addresses: RingAddresses
    var space: RingAddressSpace
    var size: UInt32
    var base: UInt32
    var features: VirtioFeatures

    var hasEventIndex: Bool { features.contains(.eventIndex) }
    var allowsIndirect: Bool { features.contains(.indirectDescriptors) }

    /// Where in the file an area is that lies whole in one region, aligned for the driver and for the device.
    func locate(_ address: UInt64, byteCount: Int, alignment: Int) -> Int? {
        let place =
            switch space {
            case .user: GuestImage.locate(user: address)
            case .guestPhysical: GuestImage.locate(guest: address)
            }
        // Mappings begin at pages: the place in the file is aligned as the device's address is.
        guard let place, place.byteCount >= byteCount, address % UInt64(alignment) == 0,
            place.fileOffset % alignment == 0
        else { return nil }
        return place.fileOffset
    }
}
