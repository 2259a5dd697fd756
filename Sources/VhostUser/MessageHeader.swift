/// The 12 bytes in front of every vhost-user message, in either direction.
///
/// All integers of vhost-user are in the byte order of the host: both ends run on the same machine.
///
/// - Source: vhost-user "Message Specification", "Header".
public struct MessageHeader: Equatable, Sendable {
    /// The size of a header on the wire, in bytes; the payload follows without padding.
    public static let byteCount = 12

    /// What is asked for or answered; kept as a number, because a front-end may send any.
    public let request: UInt32
    /// Version, direction and whether an acknowledgement is wanted.
    public let flags: MessageFlags
    /// The size of the payload in bytes, this header not counted.
    public let payloadByteCount: UInt32

    /// Makes a header.
    public init(request: UInt32, flags: MessageFlags, payloadByteCount: UInt32) {
        self.request = request
        self.flags = flags
        self.payloadByteCount = payloadByteCount
    }

    /// Reads a header, be it a senseless one; nil when there are too few bytes for any.
    ///
    /// - Parameter bytes: at least ``byteCount`` bytes, of which the first are the header.
    public init?(parsing bytes: [UInt8]) {
        var reader = PayloadReader(bytes)
        guard let request = reader.next(UInt32.self), let flags = reader.next(UInt32.self),
            let payloadByteCount = reader.next(UInt32.self)
        else { return nil }
        self.init(request: request, flags: MessageFlags(rawValue: flags), payloadByteCount: payloadByteCount)
    }

    /// The header as it is on the wire.
    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(native: request)
        bytes.append(native: flags.rawValue)
        bytes.append(native: payloadByteCount)
        return bytes
    }
}

/// The flags word of a ``MessageHeader``.
public struct MessageFlags: OptionSet, Hashable, Sendable {
    /// The 32 bits.
    public let rawValue: UInt32

    /// Wraps the 32 bits; undefined ones are kept.
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Version 1, the only one there is; the version is the number in bits 0 and 1.
    public static let version1 = MessageFlags(rawValue: 1)
    /// VHOST_USER_REPLY_MASK: the message answers one of the other side.
    public static let reply = MessageFlags(rawValue: 1 << 2)
    /// VHOST_USER_NEED_REPLY_MASK: the sender waits for an acknowledgement, provided that REPLY_ACK was negotiated.
    public static let needReply = MessageFlags(rawValue: 1 << 3)

    /// Whether these are the flags of a request: version 1, no reply, nothing that is not defined.
    public var areThoseOfARequest: Bool {
        subtracting(.needReply) == .version1
    }
}
