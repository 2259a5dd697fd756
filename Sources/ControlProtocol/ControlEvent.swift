/// Something that happened, as it is sent.
package struct ControlEvent: Codable, Equatable, Sendable {
    /// One of ``Name``; a newer daemon may know more of them.
    package var event: String
    package var data: [String: JSONValue]
    package var timestamp: Timestamp

    /// Since 1970, by the daemon's clock.
    package struct Timestamp: Codable, Equatable, Sendable {
        package var seconds: Int64
        package var microseconds: Int64

        package init(seconds: Int64, microseconds: Int64) {
            self.seconds = seconds
            self.microseconds = microseconds
        }
    }

    /// The events that there are. `docs/control.md` says when each one comes and what it carries.
    package enum Name: String, CaseIterable, Sendable {
        case portChange = "VSERPORT_CHANGE"
        case clientConnected = "CLIENT_CONNECTED"
        case clientDisconnected = "CLIENT_DISCONNECTED"
        case clientRefused = "CLIENT_REFUSED"
        case frontendConnected = "FRONTEND_CONNECTED"
        case frontendDisconnected = "FRONTEND_DISCONNECTED"
        case guestReady = "GUEST_READY"
        case guestReset = "GUEST_RESET"
        case portAdded = "PORT_ADDED"
        case portRemoved = "PORT_REMOVED"
        case portThrottled = "PORT_THROTTLED"
        case ringFault = "RING_FAULT"
        case portNotOpened = "PORT_NOT_OPENED"
        case captureData = "CAPTURE_DATA"
        case captureStopped = "CAPTURE_STOPPED"
        case eventsLost = "EVENTS_LOST"
        case shutdown = "SHUTDOWN"
    }

    package init(_ name: Name, data: [String: JSONValue], timestamp: Timestamp) {
        event = name.rawValue
        self.data = data
        self.timestamp = timestamp
    }

    /// Which one it is; nil for one that this program does not know.
    package var name: Name? { Name(rawValue: event) }
}
