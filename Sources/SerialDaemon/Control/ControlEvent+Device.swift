import ControlProtocol
import LinuxIO

extension ControlEvent.Timestamp {
    init(_ time: WallClock) {
        self.init(seconds: time.seconds, microseconds: time.nanoseconds / 1000)
    }
}

extension ControlEvent {
    /// What the device thread has seen, in the words of the control socket.
    init(_ event: DeviceEvent, at time: WallClock) {
        let (name, data) = Self.content(of: event)
        self.init(name, data: data, timestamp: Timestamp(time))
    }

    private static func content(of event: DeviceEvent) -> (Name, [String: JSONValue]) {
        switch event {
        case .portChanged(let port, let isOpen): (.portChange, ["id": .string(port), "open": .bool(isOpen)])
        case .clientConnected(let port, let peer): (.clientConnected, client(port, peer))
        case .clientDisconnected(let port, let peer): (.clientDisconnected, client(port, peer))
        case .clientRefused(let port, let peer): (.clientRefused, client(port, peer))
        case .frontendConnected(let peer): (.frontendConnected, process(peer))
        case .frontendDisconnected(let peer): (.frontendDisconnected, process(peer))
        case .guestReady: (.guestReady, [:])
        case .guestReset: (.guestReset, [:])
        case .portAdded(let port, let number):
            (.portAdded, ["id": .string(port), "number": .integer(Int64(number))])
        case .portRemoved(let port, let number):
            (.portRemoved, ["id": .string(port), "number": .integer(Int64(number))])
        case .portThrottled(let port, let direction, let nanoseconds):
            (
                .portThrottled,
                [
                    "id": .string(port), "direction": .string(direction.rawValue),
                    "seconds": .number(seconds(nanoseconds)),
                ]
            )
        case .ringFault(let queue, let port, let reason):
            (
                .ringFault,
                ["queue": .integer(Int64(queue)), "reason": .string(reason)]
                    .merging(port.map { ["id": .string($0)] } ?? [:]) { _, new in new }
            )
        case .portNotOpened(let port, let nanoseconds):
            (.portNotOpened, ["id": .string(port), "seconds": .number(seconds(nanoseconds))])
        }
    }

    private static func client(_ port: String, _ peer: PeerCredentials?) -> [String: JSONValue] {
        var content = process(peer)
        content["id"] = .string(port)
        if let peer { content["gid"] = .integer(Int64(peer.groupIdentifier)) }
        return content
    }

    private static func process(_ peer: PeerCredentials?) -> [String: JSONValue] {
        guard let peer else { return [:] }
        return ["uid": .integer(Int64(peer.userIdentifier)), "pid": .integer(Int64(peer.processIdentifier))]
    }

    private static func seconds(_ nanoseconds: UInt64) -> Double {
        // To the millisecond: more digits would be noise.
        (Double(nanoseconds) / 1e6).rounded() / 1e3
    }
}
