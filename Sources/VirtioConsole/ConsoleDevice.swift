public import BasicContainers
public import Virtio

/// The console device (virtio id 3): its ports, its control queues and its config space.
///
/// It knows no transport: whoever runs it hands it queues when they start and takes them back when they stop. A queue
/// that does not run does not exist here, so it cannot be touched.
///
/// ## Concurrency
/// One owner, on the device thread. Everything that the guest can reach is in here.
public struct ConsoleDevice: ~Copyable {
    /// The features that the device offers beside those of its rings.
    public static let features: VirtioFeatures = [.version1, .consoleSize, .multiport, .emergencyWrite]

    /// All ports that can be, `maxPorts` of them, each at its number; most of them are usually vacant.
    public var ports: RigidArray<ConsolePort>
    /// The config space.
    public let configSpace: ConsoleConfigSpace

    var controlReceiveq: Virtqueue?
    var controlTransmitq: Virtqueue?
    /// Ports that may owe the guest a message.
    var portsWithMessages = PortSet()
    /// Whether the driver has begun (DEVICE_READY) and was not reset since.
    public internal(set) var isDriverReady = false
    /// What the driver has acknowledged.
    public internal(set) var acknowledgedFeatures: VirtioFeatures = []

    /// Makes a device.
    ///
    /// - Parameters:
    ///   - maxPorts: how many ports it can have, 1 to ``QueueRole/largestMaxPorts``.
    ///   - descriptions: which there are, by port number; numbers outside 0..<`maxPorts` are the caller's mistake.
    public init(maxPorts: Int, ports descriptions: [Int: PortDescription]) {
        precondition((1...QueueRole.largestMaxPorts).contains(maxPorts))
        precondition(descriptions.keys.allSatisfy { (0..<maxPorts).contains($0) })
        ports = RigidArray(capacity: maxPorts)
        for number in 0..<maxPorts {
            ports.append(ConsolePort(number: number, description: descriptions[number]))
        }
        configSpace = ConsoleConfigSpace(maxPorts: maxPorts, size: descriptions[0]?.size)
    }

    /// How many queues the device has.
    public var queueCount: Int {
        QueueRole.queueCount(maxPorts: configSpace.maxPorts)
    }

    /// The number of the first console port: where an emergency write goes.
    public var firstConsole: Int? {
        for number in 0..<ports.count where ports[number].description?.isConsole == true {
            return number
        }
        return nil
    }
}

// MARK: - Life of the queues

extension ConsoleDevice {
    /// Takes a queue that starts to run.
    ///
    /// - Parameters:
    ///   - index: 0..<``queueCount``; there is no queue elsewhere, and the value is dropped.
    ///   - queue: takes ownership.
    ///   - goesOn: whether it is the queue of before, where it stood: then the rest of a chain is still to be taken.
    public mutating func startQueue(_ index: Int, _ queue: consuming Virtqueue, goesOn: Bool) {
        guard (0..<queueCount).contains(index) else { return }
        switch QueueRole(queueIndex: index) {
        case .controlReceiveq: controlReceiveq = consume queue
        case .controlTransmitq: controlTransmitq = consume queue
        case .receiveq(let port):
            ports[port].receiveq = consume queue
            ports[port].awaitedRefill = nil
            // Without MULTIPORT there is no PORT_OPEN: port 0 is a console that is open as long as the driver runs
            // (§5.3.5).
            if !acknowledgedFeatures.contains(.multiport) {
                ports[port].state.setGuestOpen(true)
            }
        case .transmitq(let port):
            ports[port].transmitq = consume queue
            if !goesOn {
                ports[port].forgetChains()
            }
        }
    }

    /// A queue is broken: what was known of its chains means nothing any more.
    public mutating func forgetChains(_ index: Int) {
        guard (0..<queueCount).contains(index), case .transmitq(let port) = QueueRole(queueIndex: index) else { return }
        ports[port].forgetChains()
    }

    /// Ends a queue.
    ///
    /// - Returns: the base that it goes on at when it is started again; nil when it does not run.
    public mutating func stopQueue(_ index: Int) -> UInt32? {
        guard (0..<queueCount).contains(index) else { return nil }
        switch QueueRole(queueIndex: index) {
        case .controlReceiveq: return Self.end(&controlReceiveq)
        case .controlTransmitq: return Self.end(&controlTransmitq)
        case .receiveq(let port): return Self.end(&ports[port].receiveq)
        case .transmitq(let port): return Self.end(&ports[port].transmitq)
        }
    }

    private static func end(_ queue: inout Virtqueue?) -> UInt32? {
        let base = queue?.base
        queue = nil
        return base
    }

    /// Where a running queue stands; nil when it does not run.
    public mutating func queueStatus(_ role: QueueRole) -> VirtqueueStatus? {
        switch role {
        case .controlReceiveq: controlReceiveq?.status()
        case .controlTransmitq: controlTransmitq?.status()
        case .receiveq(let port): ports[port].receiveq?.status()
        case .transmitq(let port): ports[port].transmitq?.status()
        }
    }

    /// Whether a queue's driver was not called yet for something it was shown. Touches no guest memory.
    public func owesCall(_ index: Int) -> Bool {
        guard (0..<queueCount).contains(index) else { return false }
        return switch QueueRole(queueIndex: index) {
        case .controlReceiveq: Self.owesCall(controlReceiveq)
        case .controlTransmitq: Self.owesCall(controlTransmitq)
        case .receiveq(let port): Self.owesCall(ports[port].receiveq)
        case .transmitq(let port): Self.owesCall(ports[port].transmitq)
        }
    }

    private static func owesCall(_ queue: borrowing Virtqueue?) -> Bool {
        switch queue {
        case .none: false
        case .some(let queue): queue.owesCall
        }
    }

    /// Whether a queue runs.
    public func isRunning(_ index: Int) -> Bool {
        guard (0..<queueCount).contains(index) else { return false }
        return switch QueueRole(queueIndex: index) {
        case .controlReceiveq: controlReceiveq != nil
        case .controlTransmitq: controlTransmitq != nil
        case .receiveq(let port): ports[port].receiveq != nil
        case .transmitq(let port): ports[port].transmitq != nil
        }
    }

    /// The driver has chosen its features.
    public mutating func setFeatures(_ features: VirtioFeatures) {
        acknowledgedFeatures = features
    }

    /// The guest was reset: it knows no port any more, and has none open. The host's side stays as it is.
    ///
    /// - Returns: the ports that were open.
    public mutating func reset() -> PortSet {
        var wereOpen = PortSet()
        for number in 0..<ports.count {
            if ports[number].isGuestOpen {
                wereOpen.insert(number)
            }
            ports[number].reset()
        }
        portsWithMessages = PortSet()
        isDriverReady = false
        return wereOpen
    }
}
