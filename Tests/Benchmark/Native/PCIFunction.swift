/// One PCI function, found and set up as firmware and a driver's core do it, by configuration mechanism 1.
struct PCIFunction {
    let qtest: QTest
    private let address: UInt32

    /// A structure of a virtio device (virtio 1.3 §4.1.4), as guest addresses.
    struct Structure {
        var address: UInt64
        var byteCount: Int
        var notifyMultiplier: UInt64 = 0
    }

    private static let addressPort: UInt16 = 0xcf8
    private static let dataPort: UInt16 = 0xcfc
    /// Where base address register 0 goes; the others follow, each with as much room.
    private static let window: UInt64 = 0xe000_0000
    private static let windowByteCount: UInt64 = 1 << 20

    init(qtest: QTest, device: UInt32) throws {
        self.qtest = qtest
        address = 0x8000_0000 | device << 11
        guard try read(0) & 0xffff == 0x1af4 else { throw BenchmarkError("no virtio device at PCI slot \(device)") }
    }

    private func read(_ offset: UInt32) throws -> UInt32 {
        try qtest.output(Self.addressPort, address | offset & ~3)
        return try qtest.input(Self.dataPort)
    }

    private func write(_ offset: UInt32, _ value: UInt32) throws {
        try qtest.output(Self.addressPort, address | offset & ~3)
        try qtest.output(Self.dataPort, value)
    }

    private func byte(_ offset: UInt32) throws -> UInt32 { try read(offset) >> (8 * (offset & 3)) & 0xff }

    private static func base(_ bar: UInt32) -> UInt64 { window + windowByteCount * UInt64(bar) }

    /// Gives every memory register its window, and lets the device answer there and write memory.
    func enable() throws {
        var bar: UInt32 = 0
        while bar < 6 {
            let offset = 0x10 + 4 * bar
            try write(offset, 0xffff_ffff)
            let value = try read(offset)
            let isMemory = value != 0 && value & 1 == 0
            let isWide = isMemory && value & 6 == 4
            try write(offset, isMemory ? UInt32(Self.base(bar)) : 0)
            if isWide { try write(offset + 4, 0) }
            bar += isWide ? 2 : 1
        }
        try write(4, 0x6)
    }

    /// The offsets of all capabilities with this number.
    private func capabilities(_ number: UInt32) throws -> [UInt32] {
        var found: [UInt32] = []
        var offset = try byte(0x34)
        while offset != 0, found.count < 48 {
            if try byte(offset) == number { found.append(offset) }
            offset = try byte(offset + 1)
        }
        return found
    }

    /// The structure of a type: 1 common, 2 notification, 4 device configuration.
    func structure(_ type: UInt32) throws -> Structure {
        for offset in try capabilities(0x09) where try byte(offset + 3) == type {
            return Structure(
                address: Self.base(try byte(offset + 4)) + UInt64(try read(offset + 8)),
                byteCount: Int(try read(offset + 12)), notifyMultiplier: UInt64(try read(offset + 16)))
        }
        throw BenchmarkError("the device has no structure of type \(type)")
    }

    /// Lets the first interrupt of MSI-X write `data` to the guest's memory at `target`.
    func enableInterrupt(target: UInt64, data: UInt32) throws {
        guard let offset = try capabilities(0x11).first else { throw BenchmarkError("the device has no MSI-X") }
        let table = try read(offset + 4)
        let entry = Self.base(table & 7) + UInt64(table & ~7)
        try qtest.write(.long, at: entry, target)
        try qtest.write(.long, at: entry + 4, 0)
        try qtest.write(.long, at: entry + 8, UInt64(data))
        try qtest.write(.long, at: entry + 12, 0)
        // Enabled, and not masked as a whole.
        try write(offset, try read(offset) & 0x3fff_ffff | 0x8000_0000)
    }
}
