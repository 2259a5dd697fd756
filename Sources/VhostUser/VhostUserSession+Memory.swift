import LinuxIO
import Virtio

// The messages about guest memory. Every region is checked and mapped before the table changes: a refused message
// leaves the guest with the memory it had.

extension VhostUserSession {
    /// SET_MEM_TABLE: all regions at once, in place of those there were.
    mutating func setMemoryTable(
        _ regions: [MemoryRegionDescription], _ descriptors: consuming DescriptorList
    ) throws(ProtocolError) -> SessionEffect {
        var table = GuestMemory()
        for (position, region) in regions.enumerated() {
            guard let file = descriptors.takeFirst() else {
                throw .badDescriptorCount(.setMemTable, received: position, expected: regions.count)
            }
            try Self.map(region, file, into: &table, .setMemTable)
        }
        memory = table
        return .memoryChanged
    }

    /// ADD_MEM_REG: one more region, at any time.
    mutating func addMemoryRegion(
        _ region: MemoryRegionDescription, _ file: consuming OwnedFileDescriptor
    ) throws(ProtocolError) -> SessionEffect {
        try requireNegotiated(.addMemReg)
        try Self.map(region, file, into: &memory, .addMemReg)
        return .memoryChanged
    }

    /// REM_MEM_REG: the region at this place and of this size; where it is in its file is not compared.
    mutating func removeMemoryRegion(_ region: MemoryRegionDescription) throws(ProtocolError) -> SessionEffect {
        try requireNegotiated(.remMemReg)
        do {
            try memory.remove(guestBase: region.guestBase, userBase: region.userBase, byteCount: region.byteCount)
        } catch {
            throw .memory(.remMemReg, error)
        }
        return .memoryChanged
    }

    /// Maps a region into `table`, or leaves `table` as it is.
    ///
    /// The file is closed either way: a mapping outlives the fd it was made from.
    private static func map(
        _ region: MemoryRegionDescription, _ file: consuming OwnedFileDescriptor, into table: inout GuestMemory,
        _ request: FrontendRequest
    ) throws(ProtocolError) {
        do {
            let mapped = try GuestMemoryRegion(
                guestBase: region.guestBase, userBase: region.userBase, byteCount: region.byteCount, file: file,
                fileOffset: region.fileOffset)
            try table.add(mapped)
        } catch {
            throw .memory(request, error)
        }
    }
}
