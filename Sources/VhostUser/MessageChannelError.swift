public import LinuxIO

/// Why a connection to a front-end cannot go on.
public enum MessageChannelError: Error, Equatable, Sendable {
    /// The front-end announced a payload larger than any message has: where the next message begins is not known any
    /// more.
    case framingLost(request: UInt32, payloadByteCount: UInt32)
    /// The socket failed.
    case socket(SystemError)
}

extension MessageChannelError: CustomStringConvertible {
    /// One sentence for the log.
    public var description: String {
        switch self {
        case .framingLost(let request, let payloadByteCount):
            "the front-end announced \(payloadByteCount) bytes for request \(request): the connection cannot be understood any more"
        case .socket(let error):
            "the connection to the front-end failed: \(error)"
        }
    }
}
