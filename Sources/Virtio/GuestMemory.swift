import BasicContainers
import CLinux
import LinuxIO

/// The memory of one guest: the regions that its front-end shared, found by guest-physical or by front-end address.
///
/// Regions never overlap in guest-physical space, and are kept sorted there, so that a lookup is a binary search: one
/// comparison for the usual guest of one or two regions, nine for a guest with hundreds of DIMMs.
///
/// ## Concurrency
/// One owner. Whatever pointer a lookup returned is dead after ``add(_:)``, ``remove(guestBase:userBase:byteCount:)``
/// or ``removeAll()``: nothing here is kept across a change of the table.
@safe
public struct GuestMemory: ~Copyable {
    /// As many regions as QEMU and crosvm have slots for.
    public static let maximumRegionCount = 509

    private var regions = UniqueArray<GuestMemoryRegion>()

    /// Makes a table of no regions.
    public init() {}

    /// How many regions are mapped.
    public var regionCount: Int {
        regions.count
    }

    /// Takes a region into the table.
    ///
    /// - Throws: ``GuestMemoryError/overlap(guestBase:byteCount:)`` or ``GuestMemoryError/tooManyRegions``; the region
    ///   is unmapped then.
    public mutating func add(_ region: consuming GuestMemoryRegion) throws(GuestMemoryError) {
        guard regions.count < Self.maximumRegionCount else { throw .tooManyRegions }
        let position = firstIndex(above: region.guestBase.rawValue)
        // Sorted and free of overlaps, so only the two neighbours can collide.
        if position > 0 {
            let before = regions[position - 1].guestBase.rawValue + regions[position - 1].byteCount
            guard before <= region.guestBase.rawValue else {
                throw .overlap(guestBase: region.guestBase, byteCount: region.byteCount)
            }
        }
        if position < regions.count {
            let end = region.guestBase.rawValue + region.byteCount
            guard end <= regions[position].guestBase.rawValue else {
                throw .overlap(guestBase: region.guestBase, byteCount: region.byteCount)
            }
        }
        regions.insert(region, at: position)
    }

    /// Unmaps the region of exactly this place and size.
    ///
    /// The file offset is no part of a region's identity (vhost-user REM_MEM_REG).
    ///
    /// - Throws: ``GuestMemoryError/noSuchRegion(guestBase:byteCount:)``.
    public mutating func remove(
        guestBase: GuestAddress, userBase: UserAddress, byteCount: UInt64
    ) throws(GuestMemoryError) {
        let position = firstIndex(above: guestBase.rawValue) - 1
        guard position >= 0, regions[position].guestBase == guestBase, regions[position].userBase == userBase,
            regions[position].byteCount == byteCount
        else { throw .noSuchRegion(guestBase: guestBase, byteCount: byteCount) }
        _ = regions.remove(at: position)
    }

    /// Unmaps everything.
    public mutating func removeAll() {
        regions.removeAll()
    }

    /// Whether the memory behind some region went away under us (a truncated file), so that an access met a zero page.
    public var isGone: Bool {
        for index in 0..<regions.count where regions[index].mapping.isGone {
            return true
        }
        return false
    }

    /// The position of the first region that begins above `address`; the one before it is the only one that can hold
    /// `address`.
    private func firstIndex(above address: UInt64) -> Int {
        var low = 0
        var high = regions.count
        while low < high {
            let middle = (low + high) / 2
            if regions[middle].guestBase.rawValue <= address {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}

// MARK: - Translation

extension GuestMemory {
    /// The host memory that begins at `address`, cut where its region ends.
    ///
    /// A buffer may span regions that are adjacent for the guest and far apart for us: the caller goes on behind what
    /// it got until it has all.
    ///
    /// - Parameters:
    ///   - address: where the buffer begins for the guest.
    ///   - byteCount: how many bytes are wanted, at least 1.
    /// - Returns: 1 to `byteCount` bytes, or nil when no region holds `address`.
    @inline(__always)
    func hostRange(guest address: GuestAddress, byteCount: UInt64) -> UnsafeMutableRawBufferPointer? {
        let position = firstIndex(above: address.rawValue) &- 1
        guard position >= 0 else { return nil }
        return unsafe hostRange(
            in: position, address: address.rawValue, base: regions[position].guestBase.rawValue, byteCount)
    }

    /// The host memory that begins at the front-end's `address`, cut where its region ends.
    ///
    /// Only ring addresses are looked up so, at ring start: a linear search.
    func hostRange(user address: UserAddress, byteCount: UInt64) -> UnsafeMutableRawBufferPointer? {
        for position in 0..<regions.count {
            let base = regions[position].userBase.rawValue
            if let range = unsafe hostRange(in: position, address: address.rawValue, base: base, byteCount) {
                return unsafe range
            }
        }
        return nil
    }

    @inline(__always)
    private func hostRange(
        in position: Int, address: UInt64, base: UInt64, _ byteCount: UInt64
    ) -> UnsafeMutableRawBufferPointer? {
        guard let offset = regions[position].offset(of: address, from: base) else { return nil }
        let available = regions[position].mapping.byteCount - offset
        let count = byteCount < UInt64(available) ? Int(truncatingIfNeeded: byteCount) : available
        // SAFETY: offset is inside the region, and `count` bytes behind it still are.
        return unsafe UnsafeMutableRawBufferPointer(start: regions[position].mapping.base + offset, count: count)
    }

    /// Copies bytes out of guest memory once, across regions where need be.
    ///
    /// The copy is made by the C shim through a volatile source: what is checked afterwards is what was copied,
    /// whatever the guest writes meanwhile.
    ///
    /// - Returns: false when some byte lies in no region; `destination` is then partly written.
    func copy(from address: GuestAddress, into destination: UnsafeMutableRawBufferPointer) -> Bool {
        var copied = 0
        while copied < destination.count {
            let (next, overflow) = address.rawValue.addingReportingOverflow(UInt64(copied))
            guard !overflow,
                let range = unsafe hostRange(guest: GuestAddress(next), byteCount: UInt64(destination.count - copied)),
                let source = range.baseAddress, let target = destination.baseAddress
            else { return false }
            unsafe clinux_copy_from_shared(target + copied, source, range.count)
            copied += range.count
        }
        return true
    }
}
