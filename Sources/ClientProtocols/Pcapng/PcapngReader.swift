/// Reads pcapng as it comes, in pieces of any length (draft-ietf-opsawg-pcapng; one section after the other, either
/// byte order). Everything in it is checked against the block that it is in.
package struct PcapngReader {
    private var unread: [UInt8] = []
    /// The first byte of the next block.
    private var start = 0
    /// Of the section; nil before the first one.
    private var order: ByteOrder?
    private var interfaces: [Interface] = []

    /// A longer block is no packet of ours: those have at most 64 KiB, and a few options.
    package static let maximumBlockByteCount = 1 << 20
    /// A device has 127 ports, and some more for the front-end's messages.
    package static let maximumInterfaceCount = 1024

    private struct Interface {
        var name: String
        var linkType: UInt16
        /// How many time stamps make a second.
        var ticksPerSecond: UInt64
    }

    private static let sectionHeader: UInt32 = 0x0A0D_0D0A
    private static let interfaceDescription: UInt32 = 1
    private static let enhancedPacket: UInt32 = 6

    package init() {}

    /// How many bytes wait for the rest of their block, or for ``next()``.
    package var byteCount: Int { unread.count - start }

    /// Takes a piece.
    package mutating func append(_ bytes: some Sequence<UInt8>) {
        unread.removeFirst(start)
        start = 0
        unread += bytes
    }

    /// The next packet; nil when it is not whole yet.
    ///
    /// One at a time, so that those before a mistake are not lost with it.
    ///
    /// - Throws: ``PcapngError``. Nothing that follows can be understood then.
    package mutating func next() throws(PcapngError) -> PcapngPacket? {
        while let byteCount = try blockByteCount(at: start), self.byteCount >= byteCount {
            let block = start..<start + byteCount
            start = block.upperBound
            if let packet = try packet(inBlock: block) { return packet }
        }
        return nil
    }

    /// The length of the block that begins there; nil when it is not known yet.
    private mutating func blockByteCount(at start: Int) throws(PcapngError) -> Int? {
        var fields = ByteFields(unread[start...], .littleEndian)
        guard fields.count >= 12 else { return nil }
        // The header of a section reads the same in both orders, and says which one holds from here on.
        if try fields.read(UInt32.self) == Self.sectionHeader {
            try fields.skip(4)
            switch try fields.read(UInt32.self) {
            case 0x1A2B_3C4D: order = .littleEndian
            case 0x4D3C_2B1A: order = .bigEndian
            default: throw .noSection
            }
        }
        guard let order else { throw .noSection }
        var header = ByteFields(unread[start...], order)
        try header.skip(4)
        let byteCount = Int(try header.read(UInt32.self))
        guard byteCount >= 12, byteCount % 4 == 0, byteCount <= Self.maximumBlockByteCount else {
            throw .badBlockLength(byteCount)
        }
        return byteCount
    }

    private mutating func packet(inBlock range: Range<Int>) throws(PcapngError) -> PcapngPacket? {
        guard let order else { throw .noSection }
        var trailer = ByteFields(unread[(range.upperBound - 4)..<range.upperBound], order)
        guard Int(try trailer.read(UInt32.self)) == range.count else { throw .badBlockLength(range.count) }
        var block = ByteFields(unread[range.lowerBound..<range.upperBound - 4], order)
        let type = try block.read(UInt32.self)
        try block.skip(4)
        switch type {
        case Self.sectionHeader:
            try block.skip(4)
            guard try block.read(UInt16.self) == 1 else { throw .unknownVersion }
            interfaces = []
        case Self.interfaceDescription: try addInterface(block)
        case Self.enhancedPacket: return try packet(block)
        // Statistics, names and what others may have added.
        default: break
        }
        return nil
    }

    private mutating func addInterface(_ block: ByteFields) throws(PcapngError) {
        guard interfaces.count < Self.maximumInterfaceCount else { throw .tooManyInterfaces }
        var block = block
        // Microseconds, unless said.
        var interface = Interface(name: "", linkType: try block.read(UInt16.self), ticksPerSecond: 1_000_000)
        try block.skip(6)
        while let option = try block.readOption() {
            switch option.code {
            case 2: interface.name = String(decoding: option.value, as: UTF8.self)
            case 9:
                guard option.value.count == 1, let exponent = option.value.first else { throw .badOption }
                interface.ticksPerSecond = try Self.ticksPerSecond(exponent)
            default: break
            }
        }
        interfaces.append(interface)
    }

    /// if_tsresol: a power of ten, or of two with the highest bit set.
    private static func ticksPerSecond(_ exponent: UInt8) throws(PcapngError) -> UInt64 {
        if exponent & 0x80 != 0 {
            guard exponent & 0x7F < 64 else { throw .badOption }
            return 1 << UInt64(exponent & 0x7F)
        }
        guard exponent <= 19 else { throw .badOption }
        return (0..<exponent).reduce(1) { product, _ in product * 10 }
    }

    private func packet(_ block: ByteFields) throws(PcapngError) -> PcapngPacket {
        var block = block
        let number = Int(try block.read(UInt32.self))
        guard number < interfaces.count else { throw .unknownInterface(number) }
        let interface = interfaces[number]
        let ticks = UInt64(try block.read(UInt32.self)) << 32 | UInt64(try block.read(UInt32.self))
        let byteCount = Int(try block.read(UInt32.self))
        let originalByteCount = Int(try block.read(UInt32.self))
        let bytes = try block.readPadded(byteCount)
        var packet = PcapngPacket(
            interface: interface.name, linkType: interface.linkType, seconds: ticks / interface.ticksPerSecond,
            microseconds: Self.microseconds(ticks % interface.ticksPerSecond, of: interface.ticksPerSecond),
            direction: .unknown, comments: [], bytes: Array(bytes), originalByteCount: originalByteCount)
        while let option = try block.readOption() {
            switch option.code {
            case 1: packet.comments.append(String(decoding: option.value, as: UTF8.self))
            case 2:
                guard option.value.count == 4 else { throw .badOption }
                var flags = ByteFields(option.value, block.order)
                packet.direction = .init(flags: try flags.read(UInt32.self))
            default: break
            }
        }
        return packet
    }

    private static func microseconds(_ rest: UInt64, of ticksPerSecond: UInt64) -> UInt64 {
        // Without an overflow: rest is below ticksPerSecond.
        let product = rest.multipliedFullWidth(by: 1_000_000)
        return ticksPerSecond.dividingFullWidth(product).quotient
    }
}
