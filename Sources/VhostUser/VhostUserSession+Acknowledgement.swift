extension VhostUserSession {
    /// The answer that is still due once a message was applied, or refused.
    ///
    /// A request with an answer of its own had it as an effect when it was obeyed. When it was refused it is answered
    /// all the same, with a body of the size that the front-end waits for. Every other request is acknowledged when
    /// NEED_REPLY asks for it and REPLY_ACK was negotiated; among them those that are unknown. A SET_PROTOCOL_FEATURES
    /// that negotiates REPLY_ACK counts.
    ///
    /// - Parameters:
    ///   - header: the message's.
    ///   - succeeded: false when decoding or ``apply(_:)`` threw, or when the caller found the front-end at fault. What
    ///     the guest did wrong is no failure: QEMU gives the whole device up over one.
    /// - Returns: what to send, or nil when the front-end waits for nothing.
    /// - Source: vhost-user "VHOST_USER_PROTOCOL_F_REPLY_ACK".
    public func acknowledgement(for header: MessageHeader, succeeded: Bool) -> Reply? {
        if let request = FrontendRequest(rawValue: header.request), let shape = request.shape {
            switch shape.answer {
            case .acknowledgement: break
            case .u64: return succeeded ? nil : .value(request, 0)
            case .vringState: return succeeded ? nil : .vringBase(index: 0, base: 0)
            case .config: return succeeded ? nil : .configError
            }
        }
        guard header.flags.contains(.needReply), acknowledgedProtocolFeatures.contains(.replyAcknowledgement) else {
            return nil
        }
        return .acknowledgement(of: header.request, succeeded: succeeded)
    }
}
