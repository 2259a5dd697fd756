public import LinuxIO

/// What a front-end can get wrong about memory; the existing table is unchanged whenever one of these is thrown.
public enum GuestMemoryError: Error, Equatable, Sendable {
    /// A region of no bytes.
    case emptyRegion
    /// `base + byteCount` of one of the region's three ranges (guest, user, file) passes 2^64, or the region is larger
    /// than this process can address.
    case rangeOverflow(base: UInt64, byteCount: UInt64)
    /// The region shares guest-physical addresses with one that is mapped.
    case overlap(guestBase: GuestAddress, byteCount: UInt64)
    /// The table holds ``GuestMemory/maximumRegionCount`` regions already.
    case tooManyRegions
    /// No region has this place and size.
    case noSuchRegion(guestBase: GuestAddress, byteCount: UInt64)
    /// The file ends before the region does: touching the rest would raise SIGBUS.
    case fileTooSmall(fileByteCount: UInt64, neededByteCount: UInt64)
    /// The kernel refused to map the file: not a mappable file, or not one we may write to.
    case notMappable(SystemError)
}

extension GuestMemoryError: CustomStringConvertible {
    /// One sentence for the log.
    public var description: String {
        switch self {
        case .emptyRegion:
            "a memory region has no bytes"
        case .rangeOverflow(let base, let byteCount):
            "a memory region of \(byteCount) bytes at \(hex(base)) passes the end of the address space"
        case .overlap(let guestBase, let byteCount):
            "the memory region of \(byteCount) bytes at guest address \(hex(guestBase.rawValue)) overlaps another one"
        case .tooManyRegions:
            "more than \(GuestMemory.maximumRegionCount) memory regions"
        case .noSuchRegion(let guestBase, let byteCount):
            "there is no memory region of \(byteCount) bytes at guest address \(hex(guestBase.rawValue))"
        case .fileTooSmall(let fileByteCount, let neededByteCount):
            "a memory region needs \(neededByteCount) bytes of its file, which has \(fileByteCount)"
        case .notMappable(let error):
            "a memory region cannot be mapped: \(error)"
        }
    }
}

/// `0x…`, as every tool of this field prints addresses.
func hex(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}
