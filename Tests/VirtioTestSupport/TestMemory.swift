public import LinuxIO
public import Virtio

/// Guest memory for tests: a memfd, seen by the code under test through its ``GuestMemory`` and by the test through a
/// mapping of its own.
///
/// Guest-physical, front-end and file positions differ on purpose, so that one taken for another finds nothing.
@safe
public final class TestMemory {
    /// One region: where it is for the guest, for the front-end, and in the file.
    public struct Region: Sendable {
        public var guestBase: UInt64
        public var userBase: UInt64
        public var byteCount: UInt64
        public var fileOffset: UInt64

        public init(guestBase: UInt64, userBase: UInt64, byteCount: UInt64, fileOffset: UInt64) {
            self.guestBase = guestBase
            self.userBase = userBase
            self.byteCount = byteCount
            self.fileOffset = fileOffset
        }
    }

    public let regions: [Region]
    public let file: OwnedFileDescriptor
    private let mapping: MappedMemory

    /// The usual guest of the tests: one region of 1 MiB.
    public static let usualBase: UInt64 = 0x1_0000
    public static let usualUserBase: UInt64 = 0x7f00_0000_0000

    public convenience init(byteCount: UInt64 = 1 << 20) throws {
        try self.init(regions: [
            Region(guestBase: Self.usualBase, userBase: Self.usualUserBase, byteCount: byteCount, fileOffset: 0x2000)
        ])
    }

    public init(regions: [Region]) throws {
        let end = regions.map { $0.fileOffset + $0.byteCount }.max() ?? 0
        file = try OwnedFileDescriptor.memory(named: "test-memory", byteCount: end)
        mapping = try MappedMemory(mapping: file, offset: 0, byteCount: Int(end))
        self.regions = regions
    }

    /// The table that a front-end would have built with these regions.
    public func makeGuestMemory() throws -> GuestMemory {
        var memory = GuestMemory()
        for region in regions {
            try memory.add(
                GuestMemoryRegion(
                    guestBase: GuestAddress(region.guestBase), userBase: UserAddress(region.userBase),
                    byteCount: region.byteCount, file: file, fileOffset: region.fileOffset))
        }
        return memory
    }

    /// The front-end's address of a guest address.
    public func userAddress(_ guest: UInt64) -> UInt64 {
        let region = self.region(of: guest)
        return guest - region.guestBase + region.userBase
    }

    private func region(of guest: UInt64) -> Region {
        guard let region = regions.first(where: { guest >= $0.guestBase && guest - $0.guestBase < $0.byteCount }) else {
            preconditionFailure("the test addresses no memory: \(guest)")
        }
        return region
    }

    /// The test's own pointer to one byte of guest memory.
    private func pointer(_ guest: UInt64) -> UnsafeMutableRawPointer {
        let region = self.region(of: guest)
        return unsafe mapping.base + Int(guest - region.guestBase + region.fileOffset)
    }

    // Byte by byte, low byte first: independent of the alignment, and of what the code under test takes for
    // little-endian.

    public func store<Value: FixedWidthInteger>(_ value: Value, at guest: UInt64) {
        for index in 0..<UInt64(Value.bitWidth / 8) {
            unsafe pointer(guest + index).storeBytes(
                of: UInt8(truncatingIfNeeded: value >> (8 * index)), as: UInt8.self)
        }
    }

    public func load<Value: FixedWidthInteger>(_ type: Value.Type, at guest: UInt64) -> Value {
        var value: Value = 0
        for index in 0..<UInt64(Value.bitWidth / 8) {
            value |= Value(truncatingIfNeeded: unsafe pointer(guest + index).load(as: UInt8.self)) << (8 * index)
        }
        return value
    }

    public func store(_ bytes: some Collection<UInt8>, at guest: UInt64) {
        for (index, byte) in bytes.enumerated() {
            unsafe pointer(guest + UInt64(index)).storeBytes(of: byte, as: UInt8.self)
        }
    }

    public func load(byteCount: Int, at guest: UInt64) -> [UInt8] {
        (0..<UInt64(byteCount)).map { unsafe pointer(guest + $0).load(as: UInt8.self) }
    }
}
