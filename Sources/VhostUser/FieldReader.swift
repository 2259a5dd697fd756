import Virtio

/// Takes the typed fields of one request off its payload.
///
/// The payload's size was checked against the request before; should that check and the reads ever disagree, reading
/// throws.
struct FieldReader {
    private let request: FrontendRequest
    private let payload: [UInt8]
    private var reader: PayloadReader

    init(request: FrontendRequest, payload: [UInt8]) {
        self.request = request
        self.payload = payload
        reader = PayloadReader(payload)
    }

    mutating func next<Value: FixedWidthInteger & UnsignedInteger>() throws(ProtocolError) -> Value {
        guard let value = reader.next(Value.self) else { throw wrongSize }
        return value
    }

    /// The index of a ring state. Rings are 256 at most: SET_VRING_KICK and its like have eight bits for the index.
    mutating func nextRingIndex() throws(ProtocolError) -> UInt8 {
        let index: UInt32 = try next()
        guard let index = UInt8(exactly: index) else { throw .badRingIndex(request, UInt64(index)) }
        return index
    }

    /// The u64 of SET_VRING_KICK, SET_VRING_CALL and SET_VRING_ERR.
    mutating func nextDescriptorIndex() throws(ProtocolError) -> (index: UInt8, hasDescriptor: Bool) {
        let word: UInt64 = try next()
        // VHOST_USER_VRING_IDX_MASK and VHOST_USER_VRING_NOFD_MASK are all that is defined.
        guard word & ~0x1ff == 0 else { throw .badRingIndex(request, word) }
        return (UInt8(truncatingIfNeeded: word), word & 0x100 == 0)
    }

    mutating func nextBool() throws(ProtocolError) -> Bool {
        let number: UInt32 = try next()
        guard number <= 1 else { throw .badValue(request, UInt64(number)) }
        return number == 1
    }

    /// The device status of SET_STATUS: eight bits in a u64.
    mutating func nextStatus() throws(ProtocolError) -> UInt8 {
        let word: UInt64 = try next()
        guard let status = UInt8(exactly: word) else { throw .badValue(request, word) }
        return status
    }

    /// What follows the index in SET_VRING_ADDR.
    mutating func nextRingAddresses() throws(ProtocolError) -> RingAddresses {
        let flags: UInt32 = try next()
        // VHOST_VRING_F_LOG is the only flag. It asks for nothing as long as VHOST_F_LOG_ALL is not offered.
        guard flags <= 1 else { throw .badValue(request, UInt64(flags)) }
        // The used ring comes before the available ring, unlike everywhere else. The last address is the dirty log's.
        let descriptorTable: UInt64 = try next()
        let usedRing: UInt64 = try next()
        let availableRing: UInt64 = try next()
        return RingAddresses(descriptorTable: descriptorTable, availableRing: availableRing, usedRing: usedRing)
    }

    mutating func nextRegion() throws(ProtocolError) -> MemoryRegionDescription {
        let guestBase: UInt64 = try next()
        let byteCount: UInt64 = try next()
        let userBase: UInt64 = try next()
        let fileOffset: UInt64 = try next()
        return MemoryRegionDescription(
            guestBase: GuestAddress(guestBase), byteCount: byteCount, userBase: UserAddress(userBase),
            fileOffset: fileOffset)
    }

    /// The region of ADD_MEM_REG and REM_MEM_REG, behind its padding.
    mutating func nextSingleRegion() throws(ProtocolError) -> MemoryRegionDescription {
        let _: UInt64 = try next()
        return try nextRegion()
    }

    mutating func nextMemoryTable() throws(ProtocolError) -> [MemoryRegionDescription] {
        let count: UInt32 = try next()
        let _: UInt32 = try next()
        // Compared as a quotient, so that no count overflows.
        guard Int(count) == (payload.count - 8) / MessageShape.regionByteCount else { throw wrongSize }
        var regions: [MemoryRegionDescription] = []
        for _ in 0..<count {
            regions.append(try nextRegion())
        }
        return regions
    }

    /// The access of GET_CONFIG and SET_CONFIG; the bytes behind it are as many as it says.
    mutating func nextConfigAccess() throws(ProtocolError) -> (offset: UInt32, flags: UInt32, bytes: [UInt8]) {
        let offset: UInt32 = try next()
        let byteCount: UInt32 = try next()
        let flags: UInt32 = try next()
        let bytes = reader.rest
        guard bytes.count == Int(byteCount) else { throw wrongSize }
        return (offset, flags, bytes)
    }

    private var wrongSize: ProtocolError {
        .badPayloadSize(request, byteCount: payload.count)
    }
}
