import ClientProtocols

/// What a port has carried, as a person reads it.
enum PacketText {
    /// A line, and with hexadecimal digits those of the dump.
    static func lines(_ packet: PcapngPacket, isHexadecimal: Bool) throws(PcapngError) -> [String] {
        let tagByteCount = packet.linkType == ExportedPDU.linkType ? try ExportedPDU.tagByteCount(packet.bytes) : 0
        let bytes = Array(packet.bytes.dropFirst(tagByteCount))
        let time = LocalTime.time(
            seconds: Int64(clamping: packet.seconds), microseconds: Int64(clamping: packet.microseconds))
        let head = "\(time)  \(PrintableText.escaping(packet.interface))  "
        // Something that happened and is no bytes, such as a port that was opened.
        let notes = packet.comments.map { "\(head)-- \(PrintableText.escaping($0))" }
        guard !bytes.isEmpty else { return notes }
        let cutOff = packet.originalByteCount - packet.bytes.count
        let rest = cutOff > 0 ? "  (and \(cutOff) bytes more)" : ""
        let line = "\(head)\(direction(packet))  "
        guard isHexadecimal else { return notes + [line + PrintableText.escaping(bytes) + rest] }
        return notes + ["\(line)\(bytes.count) bytes\(rest)"] + HexDump.lines(bytes)
    }

    /// The daemon's view: what comes in is from the guest.
    private static func direction(_ packet: PcapngPacket) -> String {
        switch packet.direction {
        case .inbound: "to-host "
        case .outbound: "to-guest"
        case .unknown: "?       "
        }
    }
}
