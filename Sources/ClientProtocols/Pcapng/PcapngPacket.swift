/// A packet of a capture, with what is known of it.
package struct PcapngPacket: Equatable {
    /// Which way it went, as whoever captured saw it (epb_flags, bits 0 and 1).
    package enum Direction: Equatable {
        case unknown, inbound, outbound

        init(flags: UInt32) {
            switch flags & 3 {
            case 1: self = .inbound
            case 2: self = .outbound
            default: self = .unknown
            }
        }
    }

    /// The name of the interface.
    package var interface: String
    /// What the bytes are: <https://www.tcpdump.org/linktypes.html>.
    package var linkType: UInt16
    /// Since 1970.
    package var seconds: UInt64
    package var microseconds: UInt64
    package var direction: Direction
    package var comments: [String]
    package var bytes: [UInt8]
    /// How many bytes there were before the rest was cut off.
    package var originalByteCount: Int

    package init(
        interface: String, linkType: UInt16, seconds: UInt64, microseconds: UInt64, direction: Direction,
        comments: [String], bytes: [UInt8], originalByteCount: Int
    ) {
        self.interface = interface
        self.linkType = linkType
        self.seconds = seconds
        self.microseconds = microseconds
        self.direction = direction
        self.comments = comments
        self.bytes = bytes
        self.originalByteCount = originalByteCount
    }
}

/// Why bytes are no capture.
package enum PcapngError: Error, Equatable, CustomStringConvertible {
    case noSection
    case unknownVersion
    case badBlockLength(Int)
    /// Something goes beyond the end of the block that it is in.
    case cutOff
    case badOption
    case unknownInterface(Int)
    case tooManyInterfaces
    case badExportedPDU

    package var description: String {
        switch self {
        case .noSection: "a capture that does not begin with a section header"
        case .unknownVersion: "a capture in a newer format"
        case .badBlockLength(let count): "a capture with a block of \(count) bytes"
        case .cutOff: "a capture with a block that ends too early"
        case .badOption: "a capture with an option that is none"
        case .unknownInterface(let number): "a capture with a packet of interface \(number), which it does not have"
        case .tooManyInterfaces: "a capture with too many interfaces"
        case .badExportedPDU: "a capture with a packet whose tags do not end"
        }
    }
}
