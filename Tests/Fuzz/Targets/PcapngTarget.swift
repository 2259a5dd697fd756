import ClientProtocols
import LinuxIO
import SerialDaemon

/// A capture as `vserialctl watch` gets it, from whoever answers at a control socket.
///
/// Checked beside that nothing traps: the packets do not depend on how the bytes come, they hold no more than came, and
/// what the daemon writes is read as what it was.
final class PcapngTarget: FuzzTarget {
    private struct Outcome: Equatable {
        var packets: [PcapngPacket] = []
        var error: PcapngError?
    }

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        let kind = source.choose(3)
        let cut = Cut(&source)
        switch kind {
        case 0: _ = try Self.read(source.takeRest(), alsoBy: cut)
        case 1: _ = try Self.read(Self.blocks(&source), alsoBy: cut)
        default: try Self.checkWriter(&source, cut)
        }
    }

    // MARK: What is checked

    private static func read(_ bytes: [UInt8], alsoBy cut: Cut) throws(OracleFailure) -> Outcome {
        let whole = read(bytes, .none)
        let inParts = read(bytes, cut)
        try expect(whole == inParts, "\(whole) at once, \(inParts) in parts")
        let byteCount = whole.packets.reduce(0) { sum, packet in
            sum + packet.bytes.count + packet.comments.reduce(0) { $0 + $1.unicodeScalars.count }
        }
        try expect(byteCount <= bytes.count, "\(bytes.count) bytes became \(byteCount)")
        for packet in whole.packets {
            try expect(packet.microseconds < 1_000_000, "\(packet.microseconds) microseconds")
            guard let tagByteCount = try? ExportedPDU.tagByteCount(packet.bytes) else { continue }
            let isWithin = 4...packet.bytes.count ~= tagByteCount
            try expect(isWithin, "\(tagByteCount) bytes of \(packet.bytes.count) are tags")
        }
        if let error = whole.error { try TerminalText.check("\(error)") }
        return whole
    }

    private static func read(_ bytes: [UInt8], _ cut: Cut) -> Outcome {
        var reader = PcapngReader()
        var outcome = Outcome()
        for part in cut.parts(of: bytes) {
            reader.append(part)
            do throws(PcapngError) {
                while let packet = try reader.next() { outcome.packets.append(packet) }
            } catch {
                outcome.error = error
                return outcome
            }
        }
        return outcome
    }

    // MARK: Captures

    /// Blocks whose lengths are right, with anything in them.
    private static func blocks(_ source: inout ByteSource) -> [UInt8] {
        var bytes: [UInt8] = []
        var isBigEndian = false
        while !source.isAtEnd {
            switch source.choose(8) {
            case 0:
                isBigEndian = source.nextBool()
                let body = number(0x1A2B_3C4D, isBigEndian) + source.take(source.choose(12))
                bytes += block(0x0A0D_0D0A, body, isBigEndian)
            case 1, 2: bytes += block(1, source.take(source.choose(64)), isBigEndian)
            case 3: bytes += block(source.next(UInt32.self), source.take(source.choose(16)), isBigEndian)
            default: bytes += block(6, source.take(source.choose(96)), isBigEndian)
            }
        }
        return bytes
    }

    private static func block(_ type: UInt32, _ body: [UInt8], _ isBigEndian: Bool) -> [UInt8] {
        let padded = body + [UInt8](repeating: 0, count: -body.count & 3)
        let byteCount = number(UInt32(padded.count + 12), isBigEndian)
        return number(type, isBigEndian) + byteCount + padded + byteCount
    }

    private static func number(_ value: UInt32, _ isBigEndian: Bool) -> [UInt8] {
        isBigEndian ? value.littleEndianBytes.reversed() : value.littleEndianBytes
    }

    // MARK: The daemon's

    private static func checkWriter(_ source: inout ByteSource, _ cut: Cut) throws(OracleFailure) {
        var bytes = CaptureFormat.sectionHeader(program: text(&source, atMost: 20))
        var expected: [PcapngPacket] = []
        let interfaces = (0..<1 + source.choose(3)).map { _ in text(&source, atMost: 30) }
        for (index, name) in interfaces.enumerated() {
            let type: CaptureFormat.LinkType = index == 0 ? .user0 : .exportedPDU
            bytes += CaptureFormat.interface(name: name, linkType: type, snapLength: 65535)
        }
        while !source.isAtEnd {
            let index = source.choose(interfaces.count)
            let header = index == 0 ? [] : exportedHeader(&source)
            let packet = packet(of: interfaces[index], index == 0 ? .user0 : .exportedPDU, header, &source)
            append(packet, header, of: UInt32(index), to: &bytes)
            expected.append(packet)
        }
        let end = WallClock(seconds: 1, nanoseconds: 0)
        bytes += CaptureFormat.statistics(interface: 0, time: end, packets: 1, lost: 0)
        let outcome = try read(bytes, alsoBy: cut)
        try expect(outcome == Outcome(packets: expected), "\(expected) was read as \(outcome)")
    }

    private static func exportedHeader(_ source: inout ByteSource) -> [UInt8] {
        CaptureFormat.exportedHeader(
            dissector: text(&source, atMost: 9), column: text(&source, atMost: 9),
            direction: source.nextBool() ? .toHost : .toGuest)
    }

    private static func packet(
        of interface: String, _ type: CaptureFormat.LinkType, _ header: [UInt8], _ source: inout ByteSource
    ) -> PcapngPacket {
        let direction: PcapngPacket.Direction = source.nextBool() ? .inbound : .outbound
        let cutOff = Int(source.next(UInt16.self))
        let kept = source.take(source.choose(40))
        return PcapngPacket(
            interface: interface, linkType: type.rawValue, seconds: UInt64(source.next(UInt32.self)),
            microseconds: UInt64(source.nextInt(upTo: 999_999)), direction: direction, comments: [],
            bytes: header + kept, originalByteCount: header.count + kept.count + cutOff)
    }

    private static func append(
        _ packet: PcapngPacket, _ header: [UInt8], of interface: UInt32, to bytes: inout [UInt8]
    ) {
        let kept = packet.bytes.dropFirst(header.count)
        let time = WallClock(seconds: Int64(packet.seconds), nanoseconds: Int64(packet.microseconds) * 1000)
        unsafe CaptureFormat.appendPacket(
            to: &bytes, interface: interface, time: time, direction: packet.direction == .inbound ? .toHost : .toGuest,
            header: header, byteCount: packet.originalByteCount - header.count, keptCount: kept.count
        ) { buffer in
            // SAFETY: the buffer has room for as many bytes as were announced.
            unsafe buffer.copyBytes(from: kept)
        }
    }

    private static func text(_ source: inout ByteSource, atMost limit: Int) -> String {
        String(decoding: source.take(source.choose(limit + 1)), as: UTF8.self)
    }
}
