import Testing

/// Reads a capture, written from the format's specification and not from our writer.
struct CaptureReader {
    struct Packet: Equatable {
        var interface: Int
        var nanoseconds: UInt64
        var length: Int
        /// 1 to the host, 2 to the guest.
        var direction: UInt32
        /// Tags before the bytes, when the interface has them.
        var tags: [UInt16: [UInt8]] = [:]
        var bytes: [UInt8]
    }

    private(set) var interfaces: [(name: String, linkType: UInt16)] = []
    private(set) var packets: [Packet] = []
    private(set) var statistics: (received: UInt64, dropped: UInt64)?

    init(_ file: [UInt8], sourceLocation: SourceLocation = #_sourceLocation) throws {
        var rest = file[...]
        while !rest.isEmpty {
            let block = Array(rest)
            let length = Int(Self.word(block, 4))
            try #require(length % 4 == 0 && length <= block.count, sourceLocation: sourceLocation)
            #expect(Self.word(block, length - 4) == UInt32(length), sourceLocation: sourceLocation)
            read(Self.word(block, 0), Array(block[8..<length - 4]))
            rest = rest.dropFirst(length)
        }
    }

    private mutating func read(_ type: UInt32, _ body: [UInt8]) {
        switch type {
        case 0x0A0D_0D0A: #expect(Self.word(body, 0) == 0x1A2B_3C4D)
        case 1:
            let options = Self.options(Array(body[8...]))
            #expect(options[9] == [9])
            interfaces.append((String(decoding: options[2] ?? [], as: UTF8.self), UInt16(Self.word(body, 0) & 0xffff)))
        case 5:
            let options = Self.options(Array(body[12...]))
            statistics = (Self.double(options[4] ?? []), Self.double(options[5] ?? []))
        case 6:
            let captured = Int(Self.word(body, 12))
            let options = Self.options(Array(body[(20 + captured + (-captured & 3))...]))
            var packet = Packet(
                interface: Int(Self.word(body, 0)),
                nanoseconds: UInt64(Self.word(body, 4)) << 32 | UInt64(Self.word(body, 8)),
                length: Int(Self.word(body, 16)), direction: options[2].map { Self.word($0, 0) } ?? 0,
                bytes: Array(body[20..<20 + captured]))
            if interfaces[packet.interface].linkType == 252 { Self.splitTags(of: &packet) }
            packets.append(packet)
        default: Issue.record("block of type \(type)")
        }
    }

    private static func splitTags(of packet: inout Packet) {
        while packet.bytes.count >= 4 {
            let tag = UInt16(packet.bytes[0]) << 8 | UInt16(packet.bytes[1])
            let length = Int(packet.bytes[2]) << 8 | Int(packet.bytes[3])
            let value = Array(packet.bytes[4..<4 + length])
            packet.bytes.removeFirst(4 + length)
            packet.length -= 4 + length
            guard tag != 0 else { return }
            packet.tags[tag] = value
        }
        Issue.record("tags without end")
    }

    private static func options(_ bytes: [UInt8]) -> [UInt16: [UInt8]] {
        var options: [UInt16: [UInt8]] = [:]
        var index = 0
        while index + 4 <= bytes.count {
            let head = word(bytes, index)
            let (code, length) = (UInt16(head & 0xffff), Int(head >> 16))
            if code == 0 { return options }
            options[code] = Array(bytes[index + 4..<index + 4 + length])
            index += 4 + length + (-length & 3)
        }
        Issue.record("options without end")
        return options
    }

    private static func word(_ bytes: [UInt8], _ index: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
    }

    private static func double(_ bytes: [UInt8]) -> UInt64 {
        guard bytes.count == 8 else { return .max }
        return UInt64(word(bytes, 4)) << 32 | UInt64(word(bytes, 0))
    }
}
