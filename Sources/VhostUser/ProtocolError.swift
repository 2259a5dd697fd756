public import LinuxIO
public import Virtio

/// What a front-end can do wrong. The message is refused and has changed nothing, except where a case says so; the
/// connection stays, because front-ends do not survive losing it in the middle of a ring's start.
///
/// What the guest chose (a ring's size, where its parts lie) is never one of these: it shows when the ring is
/// activated, as a `VirtqueueError`, and costs that ring only.
public enum ProtocolError: Error, Equatable, Sendable {
    /// A number that the protocol does not define.
    case unknownRequest(UInt32)
    /// A request of a feature that was not offered.
    case unsupportedRequest(FrontendRequest)
    /// A request of a feature that was offered and not acknowledged.
    case notNegotiated(FrontendRequest)
    /// Flags that are not those of a request of version 1.
    case badFlags(FrontendRequest, MessageFlags)
    /// A payload that is too short or too long for the request, or for the count inside it.
    case badPayloadSize(FrontendRequest, byteCount: Int)
    /// More or fewer fds than the request must have, or fewer than were sent because there was no room for them.
    case badDescriptorCount(FrontendRequest, received: Int, expected: Int)
    /// An index that is no ring's, or bits around it that are not defined.
    case badRingIndex(FrontendRequest, UInt64)
    /// A number that the request does not define.
    case badValue(FrontendRequest, UInt64)
    /// A ring size of 0, or over the 32768 of virtio; the ring has no size then.
    case badRingSize(index: UInt8, size: UInt32)
    /// Device features that were not offered.
    case featuresNotOffered(VirtioFeatures)
    /// Protocol features that were not offered.
    case protocolFeaturesNotOffered(ProtocolFeatures)
    /// A change of what a running ring is made from.
    case ringIsRunning(FrontendRequest, index: UInt8)
    /// Other device features while rings run.
    case featuresChangedWhileRunning(VirtioFeatures)
    /// A memory region that cannot be had, or one to remove that is not there; the table is as it was.
    case memory(FrontendRequest, GuestMemoryError)
    /// An fd that is not what the request says, or that cannot be used.
    case badDescriptor(FrontendRequest, SystemError)
    /// An fd for back-end requests that is no connected stream socket.
    case notAConnectedSocket
}

extension ProtocolError: CustomStringConvertible {
    /// One sentence for the log.
    public var description: String {
        switch self {
        case .unknownRequest(let number):
            "request \(number) is not known"
        case .unsupportedRequest(let request):
            "\(request) belongs to a feature that was not offered"
        case .notNegotiated(let request):
            "\(request) belongs to a feature that was not acknowledged"
        case .badFlags(let request, let flags):
            "\(request) has the flags \(hex(UInt64(flags.rawValue)))"
        case .badPayloadSize(let request, let byteCount):
            "\(request) cannot have a payload of \(byteCount) bytes, or not with what it says"
        case .badDescriptorCount(let request, let received, let expected):
            "\(request) came with \(received) descriptors and needs \(expected)"
        case .badRingIndex(let request, let index):
            "\(request) names the ring \(hex(index))"
        case .badValue(let request, let value):
            "\(request) has the value \(hex(value))"
        case .badRingSize(let index, let size):
            "\(FrontendRequest.setVringNum) gives ring \(index) the size \(size)"
        case .featuresNotOffered(let features):
            "\(FrontendRequest.setFeatures) has the bits \(hex(features.rawValue)) that were not offered"
        case .protocolFeaturesNotOffered(let features):
            "\(FrontendRequest.setProtocolFeatures) has the bits \(hex(features.rawValue)) that were not offered"
        case .ringIsRunning(let request, let index):
            "\(request) came while ring \(index) was running"
        case .featuresChangedWhileRunning(let features):
            "\(FrontendRequest.setFeatures) changed the bits \(hex(features.rawValue)) while rings were running"
        case .memory(let request, let error):
            "\(request): \(error)"
        case .badDescriptor(let request, let error):
            "\(request) came with a descriptor that cannot be used: \(error)"
        case .notAConnectedSocket:
            "\(FrontendRequest.setBackendReqFd) came with a descriptor that is no connected stream socket"
        }
    }
}

/// `0x…`, as every tool of this field prints bits.
private func hex(_ value: UInt64) -> String {
    "0x" + String(value, radix: 16)
}
