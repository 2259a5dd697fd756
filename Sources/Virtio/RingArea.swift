/// Finding the parts of a ring in memory.
extension RingArea {
    /// The host address of one area, which must lie whole in one region and be aligned in the guest and here.
    ///
    /// - Throws: ``VirtqueueError``: the guest chose a place that cannot be.
    func resolve(
        _ address: UInt64, in space: RingAddressSpace, byteCount: Int, alignment: Int, memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> UnsafeMutableRawPointer {
        let range =
            switch space {
            case .user: unsafe memory.hostRange(user: UserAddress(address), byteCount: UInt64(byteCount))
            case .guestPhysical: unsafe memory.hostRange(guest: GuestAddress(address), byteCount: UInt64(byteCount))
            }
        guard let range = unsafe range, range.count == byteCount, let base = range.baseAddress else {
            throw .ringOutsideMemory(self, address: address)
        }
        // Our address too: atomics need it, and a front-end may map a region at an odd file offset.
        guard address % UInt64(alignment) == 0, Int(bitPattern: base) % alignment == 0 else {
            throw .misaligned(self, address: address)
        }
        return unsafe base
    }
}
