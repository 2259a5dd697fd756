/// What a queue of the console device is for. Named from the driver's side, as in the specification: we write into a
/// receiveq.
///
///     queue 0, 1      receiveq, transmitq of port 0
///     queue 2, 3      control receiveq, control transmitq
///     queue 2p + 2, 2p + 3    receiveq, transmitq of port p ≥ 1
///
/// Source: virtio 1.3 §5.3.2.
public enum QueueRole: Hashable, Sendable {
    /// Buffers that we fill with a port's bytes from the host.
    case receiveq(port: Int)
    /// A port's bytes from the guest.
    case transmitq(port: Int)
    /// Buffers for our control messages.
    case controlReceiveq
    /// The guest's control messages.
    case controlTransmitq

    /// The role of the queue with this index, 0 or more.
    public init(queueIndex: Int) {
        let isTransmit = queueIndex % 2 == 1
        switch queueIndex / 2 {
        case 0: self = isTransmit ? .transmitq(port: 0) : .receiveq(port: 0)
        case 1: self = isTransmit ? .controlTransmitq : .controlReceiveq
        case let pair: self = isTransmit ? .transmitq(port: pair - 1) : .receiveq(port: pair - 1)
        }
    }

    /// The index of the queue.
    public var queueIndex: Int {
        switch self {
        case .receiveq(let port): port == 0 ? 0 : 2 * port + 2
        case .transmitq(let port): port == 0 ? 1 : 2 * port + 3
        case .controlReceiveq: 2
        case .controlTransmitq: 3
        }
    }

    /// How many queues a device with `maxPorts` ports has.
    ///
    /// Linux asks for exactly as many and refuses a transport with fewer.
    public static func queueCount(maxPorts: Int) -> Int {
        2 * (maxPorts + 1)
    }

    /// The most ports that 256 vhost-user rings are enough for.
    public static let largestMaxPorts = 127
}
