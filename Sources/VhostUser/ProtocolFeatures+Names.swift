extension ProtocolFeatures {
    /// The names of the bits, as vhost-user has them in small letters; a bit that has none here is `bit-N`.
    public var names: [String] {
        (0..<UInt64.bitWidth).filter { rawValue & (1 << UInt64($0)) != 0 }.map { Self.names[$0] ?? "bit-\($0)" }
    }

    private static let names = [
        0: "mq", 3: "reply-ack", 5: "backend-req", 9: "config", 13: "reset-device", 15: "configure-mem-slots",
        16: "status", 21: "gpa-addresses",
    ]
}
