/// The bytes of a packet of link type 252: tags that Wireshark reads, each with a length, and then what was carried.
package enum ExportedPDU {
    /// LINKTYPE_WIRESHARK_UPPER_PDU.
    package static let linkType: UInt16 = 252

    /// How many bytes of tags there are before what was carried.
    package static func tagByteCount(_ bytes: [UInt8]) throws(PcapngError) -> Int {
        // In network byte order, whatever the section's.
        var fields = ByteFields(bytes[...], .bigEndian)
        while fields.count > 0 {
            // Zero ends the tags; its length is zero as well.
            guard try fields.readOption() != nil else { return bytes.count - fields.count }
        }
        throw .badExportedPDU
    }
}
