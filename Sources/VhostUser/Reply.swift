/// What a back-end says on the main socket: the answer to one request.
///
/// - Source: vhost-user "Communication": only requests that have an answer of their own, and those whose
///   acknowledgement was asked for under REPLY_ACK, are answered at all.
public enum Reply: Equatable, Sendable {
    /// Whether a request without an answer of its own was obeyed (REPLY_ACK).
    case acknowledgement(of: UInt32, succeeded: Bool)
    /// The u64 that GET_FEATURES, GET_PROTOCOL_FEATURES, GET_QUEUE_NUM, GET_MAX_MEM_SLOTS or GET_STATUS ask for.
    case value(FrontendRequest, UInt64)
    /// The answer to GET_VRING_BASE: the position at which the ring stopped.
    case vringBase(index: UInt32, base: UInt32)
    /// The answer to GET_CONFIG: as many bytes as were asked for, from `offset` on.
    case config(offset: UInt32, bytes: [UInt8])
    /// The answer to a GET_CONFIG that makes no sense: no payload at all, the protocol's way to say so.
    case configError
}

extension Reply {
    /// The answer to GET_CONFIG, of the size that was asked for whatever the config space holds.
    ///
    /// A front-end that gets another size than it asked for takes the connection for broken.
    ///
    /// - Parameters:
    ///   - offset: where the read begins, as in ``SessionEffect/readConfig(offset:byteCount:)``.
    ///   - byteCount: how many bytes were asked for, as there.
    ///   - bytes: what the config space holds from `offset` on; what is missing reads as zero, what is too much is cut.
    /// - Returns: a ``config(offset:bytes:)`` of exactly `byteCount` bytes.
    public static func config(offset: Int, byteCount: Int, bytes: [UInt8]) -> Reply {
        let present = bytes.prefix(max(byteCount, 0))
        let missing = max(byteCount, 0) - present.count
        return .config(offset: UInt32(clamping: offset), bytes: present + [UInt8](repeating: 0, count: missing))
    }
}
