package import LinuxIO

/// Something that an operator may want to know at once. Ports are told by name: a number can mean another port later.
package enum DeviceEvent: Equatable, Sendable {
    /// A program in the guest has opened or closed a port.
    case portChanged(String, isOpen: Bool)
    /// Its peer, where there is a socket that could be asked.
    case clientConnected(String, PeerCredentials?)
    case clientDisconnected(String, PeerCredentials?)
    /// The port's lists do not have it.
    case clientRefused(String, PeerCredentials)
    /// Its process, when it could be asked for.
    case frontendConnected(PeerCredentials?)
    case frontendDisconnected(PeerCredentials?)
    /// The guest's driver has begun; it is gone.
    case guestReady
    case guestReset
    case portAdded(String, number: Int)
    case portRemoved(String, number: Int)
    /// Bytes have waited for a receiver for so long.
    case portThrottled(String, Direction, nanoseconds: UInt64)
    /// A ring stands still; the port is nil for a control queue.
    case ringFault(queue: Int, port: String?, reason: String)
    /// The guest has not opened a port that it was expected to, so long after its driver began.
    case portNotOpened(String, nanoseconds: UInt64)

    package enum Direction: String, Sendable {
        case toHost = "to-host"
        case toGuest = "to-guest"
    }
}
