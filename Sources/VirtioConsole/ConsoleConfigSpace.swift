/// The device's config space: `{ le16 cols; le16 rows; le32 max_nr_ports; le32 emerg_wr }`.
///
/// Source: virtio 1.3 §5.3.4. All of it fits in any answer, so there is nothing to fail: a read outside is zero, a
/// write outside is nothing.
public struct ConsoleConfigSpace: Sendable {
    /// The size in bytes.
    public static let byteCount = 12

    private static let emergencyWriteOffset = 8

    /// The size of port 0's console. Linux looks here only without MULTIPORT.
    public var size: ConsoleSize?
    /// How many ports the device can have at once, 1 to ``QueueRole/largestMaxPorts``.
    public let maxPorts: Int

    /// Makes the config space of a device.
    public init(maxPorts: Int, size: ConsoleSize? = nil) {
        self.maxPorts = maxPorts
        self.size = size
    }

    /// Reads the config space.
    ///
    /// - Parameters:
    ///   - offset: 0 or more.
    ///   - byteCount: 0 or more; the protocol's limit of 256 is the caller's.
    /// - Returns: the bytes from `offset` on; zeros where there are none.
    public func read(offset: Int, byteCount: Int) -> [UInt8] {
        var space: [UInt8] = []
        space.appendLittleEndian(size?.columns ?? 0)
        space.appendLittleEndian(size?.rows ?? 0)
        space.appendLittleEndian(UInt32(truncatingIfNeeded: maxPorts))
        // emerg_wr is write-only for the driver.
        space.appendLittleEndian(UInt32(0))
        let wanted = space.dropFirst(offset).prefix(byteCount)
        return Array(wanted) + Array(repeating: 0, count: byteCount - wanted.count)
    }

    /// The character that a write to the config space asks to be shown, if it does.
    ///
    /// Only `emerg_wr` can be written. QEMU sends its whole copy of the space for every write of the guest, so a write
    /// that changed something else comes with an `emerg_wr` of 0: that is no character. Drivers need not have
    /// acknowledged EMERG_WRITE.
    public static func emergencyCharacter(writing bytes: some Collection<UInt8>, at offset: Int) -> UInt8? {
        // Only the low byte counts (§5.3.5): the first of the little-endian field.
        guard offset <= emergencyWriteOffset else { return nil }
        guard let character = bytes.dropFirst(emergencyWriteOffset - offset).first, character != 0 else { return nil }
        return character
    }
}
