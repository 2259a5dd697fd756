package import LinuxIO

/// The blocks of a pcapng file that a capture is made of.
///
/// By hand: it is four blocks, and no library for it is to be had. tshark and capinfos check it.
///
/// - Source: draft-ietf-opsawg-pcapng, in the machine's byte order, which is little-endian wherever this runs.
package enum CaptureFormat {
    /// What the packets of an interface are.
    package enum LinkType: UInt16 {
        /// LINKTYPE_USER0: the vhost-user messages, as they are on the wire.
        case user0 = 147
        /// LINKTYPE_WIRESHARK_UPPER_PDU: a list of tags, which says how the rest is to be read, and a port's bytes.
        case exportedPDU = 252
    }

    /// Which way a packet went, seen from the host.
    package enum Direction: UInt32 {
        case toHost = 1
        case toGuest = 2
    }

    /// The beginning of a file.
    package static func sectionHeader(program: String) -> [UInt8] {
        var body: [UInt8] = []
        body.append(word: 0x1A2B_3C4D)
        body.append(half: 1)
        body.append(half: 0)
        // Of unknown length: it grows.
        body.append(word: .max)
        body.append(word: .max)
        body.append(option: 4, Array(program.utf8))
        body.append(word: 0)
        return block(0x0A0D_0D0A, body)
    }

    /// An interface: what packets refer to by its place among the others.
    package static func interface(name: String, linkType: LinkType, snapLength: UInt32) -> [UInt8] {
        var body: [UInt8] = []
        body.append(half: linkType.rawValue)
        body.append(half: 0)
        body.append(word: snapLength)
        body.append(option: 2, Array(name.utf8))
        // Times are in nanoseconds (10^-9).
        body.append(option: 9, [9])
        body.append(word: 0)
        return block(1, body)
    }

    /// The end of a capture: how many packets of an interface were lost, or of all.
    package static func statistics(interface: UInt32, time: WallClock, packets: UInt64, lost: UInt64) -> [UInt8] {
        var body: [UInt8] = []
        body.append(word: interface)
        body.append(time: time)
        body.append(option: 4, bytes(of: packets))
        body.append(option: 5, bytes(of: lost))
        body.append(word: 0)
        return block(5, body)
    }

    /// How long ``statistics(interface:time:packets:lost:)`` is, whatever it says.
    static let statisticsByteCount =
        statistics(interface: 0, time: WallClock(seconds: 0, nanoseconds: 0), packets: 0, lost: 0).count

    /// What stands before a port's bytes in each packet: who is to read them, and which way they went.
    ///
    /// - Source: Wireshark's exported_pdu.h: tags of two bytes, lengths of two bytes, in network byte order.
    package static func exportedHeader(dissector: String, column: String, direction: Direction) -> [UInt8] {
        var bytes: [UInt8] = []
        func append(_ tag: UInt16, _ value: [UInt8]) {
            let padded = value + [UInt8](repeating: 0, count: -value.count & 3)
            for half in [tag, UInt16(padded.count)] { bytes += [UInt8(half >> 8), UInt8(half & 0xff)] }
            bytes += padded
        }
        // EXP_PDU_TAG_DISSECTOR_NAME
        append(12, Array(dissector.utf8))
        // EXP_PDU_TAG_COL_PROT_TEXT
        append(33, Array(column.utf8))
        // EXP_PDU_TAG_P2P_DIRECTION: 0 is sent, 1 received.
        append(35, [0, 0, 0, direction == .toHost ? 1 : 0])
        // EXP_PDU_TAG_END_OF_OPT
        append(0, [])
        return bytes
    }

    /// Appends a packet without its bytes' copy being made twice.
    ///
    /// - Parameters:
    ///   - buffer: the file so far.
    ///   - interface: its place among the file's.
    ///   - time: of the packet.
    ///   - direction: which way it went.
    ///   - header: goes before the bytes, whole.
    ///   - byteCount: how many bytes there were.
    ///   - keptCount: how many of them are kept.
    ///   - fill: writes these, all of them.
    package static func appendPacket(
        to buffer: inout [UInt8], interface: UInt32, time: WallClock, direction: Direction, header: [UInt8],
        byteCount: Int,
        keptCount: Int, fill: (UnsafeMutableRawBufferPointer) -> Void
    ) {
        let captured = header.count + keptCount
        let padding = -captured & 3
        let total = UInt32(packetByteCount(captured))
        buffer.append(word: 6)
        buffer.append(word: total)
        buffer.append(word: interface)
        buffer.append(time: time)
        buffer.append(word: UInt32(captured))
        buffer.append(word: UInt32(truncatingIfNeeded: header.count + byteCount))
        buffer += header
        let start = buffer.count
        buffer.append(contentsOf: repeatElement(0, count: keptCount + padding))
        unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe fill(UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + keptCount]))
        }
        buffer.append(option: 2, bytes(of: direction.rawValue))
        buffer.append(word: 0)
        buffer.append(word: total)
    }

    /// How long a packet's block is of which so many bytes are in it, the header's among them.
    static func packetByteCount(_ capturedCount: Int) -> Int {
        // Type, length, interface, time, two lengths; the bytes; the flags' option and the end of options; length.
        28 + capturedCount + (-capturedCount & 3) + 12 + 4
    }

    /// How long the block is that begins there.
    static func blockByteCount(_ bytes: [UInt8], at start: Int) -> Int {
        (0..<4).reduce(0) { $0 | Int(bytes[start + 4 + $1]) << (8 * $1) }
    }

    private static func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(word: type)
        bytes.append(word: UInt32(body.count + 12))
        bytes += body
        bytes.append(word: UInt32(body.count + 12))
        return bytes
    }

    private static func bytes<Value: FixedWidthInteger>(of value: Value) -> [UInt8] {
        (0..<Value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
}

extension [UInt8] {
    fileprivate mutating func append(half: UInt16) {
        append(UInt8(half & 0xff))
        append(UInt8(half >> 8))
    }

    fileprivate mutating func append(word: UInt32) {
        append(half: UInt16(word & 0xffff))
        append(half: UInt16(word >> 16))
    }

    /// High word first, as pcapng has it.
    fileprivate mutating func append(time: WallClock) {
        let nanoseconds = UInt64(bitPattern: time.seconds &* 1_000_000_000 &+ time.nanoseconds)
        append(word: UInt32(nanoseconds >> 32))
        append(word: UInt32(nanoseconds & 0xffff_ffff))
    }

    fileprivate mutating func append(option code: UInt16, _ value: [UInt8]) {
        append(half: code)
        append(half: UInt16(value.count))
        self += value
        append(contentsOf: repeatElement(0, count: -value.count & 3))
    }
}
