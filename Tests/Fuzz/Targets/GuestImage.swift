import Glibc
import LinuxIO
import Virtio

/// Guest memory, and what it must hold: every byte that the device may have changed is changed in both.
///
/// One file has all regions, with canaries around and between them. What is compared is the whole file, so that one
/// byte anywhere that nobody was to write is found.
///
///     canary │ low │ canary │ high │ canary │ far │ canary │ odd │ canary
///
/// `low` and `high` follow each other for the guest, not in the file; `far` is by itself; nothing in `odd` is aligned.
@safe
final class GuestImage {
    /// One region, and where it is for whom.
    struct Region {
        let guestBase: UInt64
        let userBase: UInt64
        let byteCount: Int
        let fileOffset: Int
    }

    static let low = Region(guestBase: 0x1_0000, userBase: 0x7f00_0000_0000, byteCount: 0x2000, fileOffset: 0x1000)
    static let high = Region(guestBase: 0x1_2000, userBase: 0x7f00_0010_0000, byteCount: 0xc00, fileOffset: 0x4400)
    static let far = Region(guestBase: 0x2_0000, userBase: 0x7f00_0020_0000, byteCount: 0x1000, fileOffset: 0x6000)
    static let odd = Region(guestBase: 0x3_0001, userBase: 0x7f00_0030_0003, byteCount: 0x1ff, fileOffset: 0x7801)
    static let regions = [low, high, far, odd]

    private static let byteCount = 0x8000
    private static let canary: UInt8 = 0xa5
    /// What the file holds before an input: canaries, and zeros in the regions.
    private static let fresh: [UInt8] = {
        var bytes = [UInt8](repeating: canary, count: byteCount)
        for region in regions {
            for offset in region.fileOffset..<region.fileOffset + region.byteCount {
                bytes[offset] = 0
            }
        }
        return bytes
    }()

    /// The regions as the device knows them.
    let memory: GuestMemory
    /// The file as the guest sees it.
    private let mapping: MappedMemory
    private var expected = GuestImage.fresh
    private var filler: UInt8 = 0
    /// Where the device sees each region.
    private(set) var hostBases: [UInt] = []

    init() throws {
        let file = try OwnedFileDescriptor.memory(named: "fuzz", byteCount: UInt64(Self.byteCount))
        mapping = try MappedMemory(mapping: file, offset: 0, byteCount: Self.byteCount)
        var table = GuestMemory()
        for region in Self.regions {
            try table.add(
                GuestMemoryRegion(
                    guestBase: GuestAddress(region.guestBase), userBase: UserAddress(region.userBase),
                    byteCount: UInt64(region.byteCount), file: file, fileOffset: UInt64(region.fileOffset)))
        }
        memory = table
        for region in Self.regions {
            reset()
            hostBases.append(try hostBase(of: region))
        }
    }

    /// Makes everything as it was in the beginning.
    func reset() {
        expected = Self.fresh
        filler = 0
        // SAFETY: the mapping is as long as the array.
        unsafe Self.fresh.withUnsafeBytes {
            unsafe UnsafeMutableRawBufferPointer(start: mapping.base, count: $0.count).copyMemory(from: $0)
        }
    }

    /// Asks the device itself, by the one buffer of a ring: a host address is nobody else's business.
    private func hostBase(of region: Region) throws -> UInt {
        let base = Self.low
        store(region.guestBase, at: base.fileOffset)
        store(UInt32(region.byteCount), at: base.fileOffset + 8)
        store(UInt16(1), at: base.fileOffset + 0x102)
        var queue = try Virtqueue(
            RingAddresses(
                descriptorTable: base.guestBase, availableRing: base.guestBase + 0x100, usedRing: base.guestBase + 0x200
            ),
            in: .guestPhysical, size: 1, base: 0, features: [], memory: memory)
        var batch = ChainBatch(chainCapacity: 1)
        try queue.lookAhead(.deviceReadable, into: &batch, memory: memory, byteLimit: .max)
        return unsafe batch.vectors.withPieces { pieces in unsafe UInt(bitPattern: pieces.first?.iov_base) }
    }
}

// MARK: - Places

extension GuestImage {
    /// Where in the file a guest-physical address is, and how many bytes its region has from there on; nil outside.
    static func locate(guest address: UInt64) -> (region: Int, fileOffset: Int, byteCount: Int)? {
        locate(address) { $0.guestBase }
    }

    /// The same for an address in the front-end's memory.
    static func locate(user address: UInt64) -> (region: Int, fileOffset: Int, byteCount: Int)? {
        locate(address) { $0.userBase }
    }

    private static func locate(
        _ address: UInt64, _ base: (Region) -> UInt64
    ) -> (region: Int, fileOffset: Int, byteCount: Int)? {
        for (index, region) in regions.enumerated() where address >= base(region) {
            guard address - base(region) < UInt64(region.byteCount) else { continue }
            let offset = Int(address - base(region))
            return (index, region.fileOffset + offset, region.byteCount - offset)
        }
        return nil
    }

    /// Where in the file the byte at one of the device's addresses is; nil when it is no region's.
    func fileOffset(ofHost address: UInt, byteCount: Int) -> Int? {
        for (base, region) in zip(hostBases, Self.regions) where address >= base {
            let offset = Int(address - base)
            if offset + byteCount <= region.byteCount {
                return region.fileOffset + offset
            }
        }
        return nil
    }
}

// MARK: - Bytes

extension GuestImage {
    /// Reads an integer as the guest sees it now.
    func load<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= Self.byteCount)
        return Value(littleEndian: unsafe (mapping.base + offset).loadUnaligned(as: Value.self))
    }

    /// The guest writes.
    func store<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= Self.byteCount)
        unsafe (mapping.base + offset).storeBytes(of: value.littleEndian, as: Value.self)
        deviceWrites(value, at: offset)
    }

    /// The guest writes as many of the bytes as its region has room for; none outside.
    func store(_ bytes: [UInt8], guest address: UInt64) {
        guard let place = Self.locate(guest: address) else { return }
        for (index, byte) in bytes.prefix(place.byteCount).enumerated() {
            store(byte, at: place.fileOffset + index)
        }
    }

    /// The device must write, or must have written.
    func deviceWrites<Value: FixedWidthInteger>(_ value: Value, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= Self.byteCount)
        for index in 0..<MemoryLayout<Value>.size {
            expected[offset + index] = UInt8(truncatingIfNeeded: value >> (8 * index))
        }
    }

    /// The device fills a buffer. Twice the same looks like once: each time another byte.
    func fill(_ byteCount: Int, at offset: Int) {
        filler &+= 1
        for index in offset..<offset + byteCount {
            store(filler, at: index)
        }
    }

    /// Takes for right what is in the regions: only the canaries are left to be checked.
    func adoptRegions() {
        for region in Self.regions {
            let range = region.fileOffset..<region.fileOffset + region.byteCount
            // SAFETY: the range lies in both, which are of one length.
            unsafe expected.withUnsafeMutableBytes {
                unsafe UnsafeMutableRawBufferPointer(rebasing: $0[range]).copyMemory(
                    from: UnsafeRawBufferPointer(start: mapping.base + region.fileOffset, count: region.byteCount))
            }
        }
    }

    /// Whether every byte of the file is what it must be; what it is not, the guest would be surprised by.
    func check(_ occasion: @autoclosure () -> String) throws(OracleFailure) {
        let isEqual = unsafe expected.withUnsafeBytes { bytes in
            unsafe bytes.baseAddress.map { unsafe memcmp($0, mapping.base, bytes.count) == 0 } ?? false
        }
        guard !isEqual else { return }
        let offset = expected.indices.first { load(UInt8.self, at: $0) != expected[$0] } ?? 0
        throw OracleFailure(
            "after \(occasion()): byte \(offset) of the file is \(load(UInt8.self, at: offset)) and must be \(expected[offset])"
        )
    }
}
