import VirtioConsole

/// What a device may say on its control queue, and when (virtio 1.3 §5.3.6): each port is introduced before anything
/// is told of it, and nothing is told twice.
struct HandshakeOracle {
    private struct Port {
        /// PORT_ADD was sent, and not answered yet.
        var awaitsReady = false
        var isOwedAdd = false
        var isReady = false
        /// What the guest was told of the host's side; nil when that cannot be known.
        var isOpen: Bool?
    }

    /// Whether the rings are as the driver left them: a message in a broken one proves nothing.
    var isTrusted = true
    private var ports = Array(repeating: Port(), count: ConsoleRun.maxPorts)

    /// The device was reset.
    mutating func reset() {
        ports = Array(repeating: Port(), count: ConsoleRun.maxPorts)
    }

    private static func number<Value: FixedWidthInteger>(_ bytes: ArraySlice<UInt8>) -> Value {
        bytes.reversed().reduce(0) { $0 << 8 | Value($1) }
    }

    /// The device has read a message of the guest.
    mutating func guestSaid(_ message: [UInt8]) {
        guard message.count >= 8 else { return }
        let (port, event): (UInt32, UInt16) = (Self.number(message[0..<4]), Self.number(message[4..<6]))
        let isYes = message[6] | message[7] != 0
        if event == 0, isYes {
            reset()
            for number in ConsoleRun.ports.keys {
                ports[number].isOwedAdd = true
            }
        }
        guard event == 3, ConsoleRun.ports[Int(port)] != nil else { return }
        let wasAwaited = ports[Int(port)].awaitsReady
        ports[Int(port)] = Port(isReady: isYes, isOpen: wasAwaited ? false : nil)
    }

    /// The guest has got a message of the device.
    mutating func deviceSaid(_ message: [UInt8]) throws(OracleFailure) {
        try expect(message.count >= 8, "a message of \(message.count) bytes")
        let port = Int(Self.number(message[0..<4]) as UInt32)
        let (event, value): (UInt16, UInt16) = (Self.number(message[4..<6]), Self.number(message[6..<8]))
        let tail = Array(message[8...])
        guard let description = ConsoleRun.ports[port] else { throw OracleFailure("a message for port \(port)") }
        if event == 1 {
            try expect(ports[port].isOwedAdd, "port \(port) is added twice")
            ports[port].isOwedAdd = false
            ports[port].awaitsReady = true
            return
        }
        try expect(ports[port].isReady, "event \(event) for port \(port), which is not ready")
        switch event {
        case 4: try expect(description.isConsole && value == 1, "port \(port) is no console")
        case 5: try expect(description.isConsole && tail.count == 4, "a size of \(tail.count) bytes")
        case 6:
            try expect(value <= 1 && ports[port].isOpen != (value == 1), "port \(port) is told \(value) twice")
            ports[port].isOpen = value == 1
        case 7: try expect(tail == Array(description.name.utf8), "the name \(tail) for port \(port)")
        default: throw OracleFailure("event \(event) for port \(port)")
        }
    }
}
