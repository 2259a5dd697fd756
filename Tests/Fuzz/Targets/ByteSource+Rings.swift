import Virtio

/// What a driver writes, mostly of a kind that gets somewhere: an address in memory, a size that a ring can have.
extension ByteSource {
    /// A guest-physical address: inside a region, before an end of one, or anywhere.
    mutating func nextAddress() -> UInt64 {
        let choice = choose(8)
        switch choice {
        case 0...3:
            let region = GuestImage.regions[choice]
            return region.guestBase + UInt64(next(UInt16.self)) % UInt64(region.byteCount)
        // Behind the rings of the usual place.
        case 4: return GuestImage.low.guestBase + 0x800 + UInt64(next())
        // Across the border of two regions that follow each other, and across an end with nothing behind it.
        case 5: return GuestImage.high.guestBase - UInt64(next())
        case 6: return GuestImage.far.guestBase + UInt64(GuestImage.far.byteCount) - UInt64(next())
        default: return next(UInt64.self)
        }
    }

    mutating func nextByteCount() -> UInt32 {
        switch choose(8) {
        case 0...4: UInt32(next())
        case 5, 6: UInt32(next(UInt16.self))
        default: next(UInt32.self)
        }
    }

    mutating func nextDescriptor() -> ModelDescriptor {
        let address = nextAddress()
        let byteCount = nextByteCount()
        let flags = choose(4) == 0 ? next(UInt16.self) : UInt16(choose(2)) * ModelDescriptor.write
        return ModelDescriptor(address: address, byteCount: byteCount, flags: flags, link: UInt16(next()))
    }

    /// How a ring is started: usually so that it can be.
    mutating func nextRingSetup(feature: VirtioFeatures, after base: UInt32?) -> RingSetup {
        let choices = next()
        let space: RingAddressSpace = choices & 1 != 0 ? .user : .guestPhysical
        let size = choices & 2 != 0 ? next(UInt32.self) >> UInt32(choose(32)) : 1 << UInt32(choose(6))
        let isUser = space == .user
        let usual = isUser ? GuestImage.low.userBase : GuestImage.low.guestBase
        var addresses = RingAddresses(descriptorTable: usual, availableRing: usual + 0x400, usedRing: usual + 0x500)
        if choices & 4 != 0 {
            addresses.descriptorTable = nextRingPlace(isUser: isUser)
            addresses.availableRing = nextRingPlace(isUser: isUser)
            addresses.usedRing = nextRingPlace(isUser: isUser)
        }
        let fresh: UInt32 = feature.contains(.packedRing) ? 0x8000_8000 : 0
        return RingSetup(
            addresses: addresses, space: space, size: size,
            base: choices & 8 != 0 ? next(UInt32.self) >> (choices & 16) : base ?? fresh,
            features: VirtioFeatures(rawValue: UInt64(choices & 0x60) << 23).union(feature))
    }

    private mutating func nextRingPlace(isUser: Bool) -> UInt64 {
        let region = choose(from: GuestImage.regions)
        let offset = UInt64(next(UInt16.self))
        // An offset of 0xffff is as good as any address outside.
        return (isUser ? region.userBase : region.guestBase) &+ offset
    }
}
