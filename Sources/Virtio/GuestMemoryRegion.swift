public import LinuxIO

/// One piece of guest memory, mapped from a file that the front-end passed.
///
/// The mapping lives as long as the region. Source: vhost-user "Memory region description".
public struct GuestMemoryRegion: ~Copyable {
    /// Where the region begins for the guest.
    public let guestBase: GuestAddress
    /// Where the region begins for the front-end; 0 in every region once GPA_ADDRESSES is acknowledged.
    public let userBase: UserAddress
    /// The size in bytes, at least 1.
    public let byteCount: UInt64

    let mapping: MappedMemory

    /// Maps `byteCount` bytes of `file` from `fileOffset` on.
    ///
    /// - Parameters:
    ///   - guestBase: where the region begins for the guest.
    ///   - userBase: where it begins for the front-end.
    ///   - byteCount: the size in bytes.
    ///   - file: borrowed for the call: a mapping outlives the descriptor it was made from.
    ///   - fileOffset: where the region begins in the file, in bytes; any value, page-aligned or not.
    /// - Throws: ``GuestMemoryError``: the front-end is at fault.
    public init(
        guestBase: GuestAddress, userBase: UserAddress, byteCount: UInt64,
        file: borrowing OwnedFileDescriptor, fileOffset: UInt64
    ) throws(GuestMemoryError) {
        guard byteCount > 0 else { throw .emptyRegion }
        for base in [guestBase.rawValue, userBase.rawValue, fileOffset]
        where base.addingReportingOverflow(byteCount).overflow {
            throw .rangeOverflow(base: base, byteCount: byteCount)
        }
        guard let hostByteCount = Int(exactly: byteCount) else {
            throw .rangeOverflow(base: guestBase.rawValue, byteCount: byteCount)
        }
        // The file can still be truncated later; the fault guard of MappedMemory is for that.
        let fileByteCount: UInt64
        do throws(SystemError) {
            fileByteCount = try file.fileByteCount()
        } catch {
            throw .notMappable(error)
        }
        guard fileOffset + byteCount <= fileByteCount else {
            throw .fileTooSmall(fileByteCount: fileByteCount, neededByteCount: fileOffset + byteCount)
        }
        do throws(SystemError) {
            mapping = try MappedMemory(mapping: file, offset: fileOffset, byteCount: hostByteCount)
        } catch {
            throw .notMappable(error)
        }
        self.guestBase = guestBase
        self.userBase = userBase
        self.byteCount = byteCount
    }

    /// How far `address` lies behind `base`, when it lies inside the region.
    func offset(of address: UInt64, from base: UInt64) -> Int? {
        guard address >= base, address - base < byteCount else { return nil }
        // `byteCount` fits in an Int (checked in init), and the difference is below it.
        return Int(truncatingIfNeeded: address - base)
    }
}
