import BasicContainers
public import Virtio

/// What the guest's control messages have changed.
public struct ControlEvents: Equatable, Sendable {
    /// The driver began anew (DEVICE_READY).
    public var driverBecameReady = false
    /// Ports that the guest has set up.
    public var ready = PortSet()
    /// Ports that a program in the guest has opened, and closed. A port can be in both; which came last, the port
    /// knows.
    public var opened = PortSet()
    /// Ports that a program in the guest has closed, or whose guest began anew.
    public var closed = PortSet()
    /// Messages that made no sense: too short, of an unknown event, or for no port.
    public var ignoredCount = 0
    /// Ports that the guest could not set up, or gave up; one that it had open is among ``closed`` too.
    public var failed = PortSet()
    /// Whether the driver itself says that it has failed (DEVICE_READY 0).
    public var driverFailed = false

    /// No events.
    public init() {}
}

/// The control queues.
extension ConsoleDevice {
    /// How many messages one turn handles each way: as many as Linux has buffers.
    static let controlMessagesPerTurn = 128

    /// Handles the guest's control messages.
    ///
    /// Linux sends each with a spin lock held and waits for its used entry: they are used at once, and nothing slow is
    /// done in between.
    ///
    /// - Parameters:
    ///   - batch: scratch.
    ///   - memory: the guest's memory.
    ///   - events: added to.
    /// - Returns: whether messages may be left: the turn's budget is used up.
    /// - Throws: ``VirtqueueError``: the control transmitq must be stopped.
    public mutating func receiveControl(
        using batch: inout ChainBatch, memory: borrowing GuestMemory, events: inout ControlEvents
    ) throws(VirtqueueError) -> Bool {
        guard controlTransmitq != nil else { return false }
        for _ in 0..<Self.controlMessagesPerTurn {
            // One message at a time: with a limit of one byte the batch ends with the first chain that has any.
            try controlTransmitq?.lookAhead(.deviceReadable, into: &batch, memory: memory, byteLimit: 1)
            guard !batch.isEmpty else {
                guard controlTransmitq?.enableNotifications() == true else { return false }
                continue
            }
            var word: UInt64 = 0
            // SAFETY: the pointer covers `word` and is not kept. One copy is made, and only the copy is looked at.
            let byteCount = unsafe withUnsafeMutableBytes(of: &word) { unsafe batch.vectors.copyBytes(into: $0) }
            if byteCount == ControlMessage.headerByteCount {
                handle(ControlMessage(littleEndianWord: word), &events)
            } else {
                events.ignoredCount += 1
            }
            // A tail is no fault, and is ignored. Used only now: the guest's program goes on when it sees this.
            controlTransmitq?.pushDiscarded(batch)
            controlTransmitq?.publishUsed()
        }
        return true
    }

    /// Sends what is owed to the guest, as far as it has offered buffers; the rest is sent at the control receiveq's
    /// next kick.
    ///
    /// What was sent is visible to the guest when this returns or throws.
    ///
    /// - Returns: whether messages and buffers may be left: the turn's budget is used up.
    /// - Throws: ``VirtqueueError``: the control receiveq must be stopped; what is owed stays owed.
    public mutating func sendControl(
        using batch: inout ChainBatch, memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> Bool {
        guard controlReceiveq != nil else { return false }
        defer { controlReceiveq?.publishUsed() }
        for _ in 0..<Self.controlMessagesPerTurn {
            guard let (port, message) = nextMessage() else { return false }
            try controlReceiveq?.lookAhead(.deviceWritable, into: &batch, memory: memory, byteLimit: 1)
            guard !batch.isEmpty else {
                guard controlReceiveq?.enableNotifications() == true else { return false }
                continue
            }
            let bytes = encode(message, port: port)
            // A buffer of no bytes is used up below; a buffer that is too small would cut the message.
            guard batch.byteCount == 0 || batch.byteCount >= bytes.count else {
                throw .controlBufferTooSmall(byteCount: batch.byteCount, neededByteCount: bytes.count)
            }
            let written = unsafe bytes.withUnsafeBytes { unsafe batch.vectors.copyBytes(from: $0) }
            controlReceiveq?.pushFilled(batch, byteCount: written)
            if written == bytes.count {
                ports[port].state.didSend(message)
            }
        }
        return true
    }

    /// Whether the control receiveq must be called for what ``sendControl(using:memory:)`` sent.
    public mutating func controlReceiveqNeedsCall() -> Bool {
        controlReceiveq?.shouldNotify() ?? false
    }

    /// Whether the control transmitq must be called for what ``receiveControl(using:memory:events:)`` used.
    public mutating func controlTransmitqNeedsCall() -> Bool {
        controlTransmitq?.shouldNotify() ?? false
    }

    /// The host's side of a port has opened or closed.
    public mutating func setHostOpen(_ isOpen: Bool, port: Int) {
        ports[port].state.setHostOpen(isOpen)
        portsWithMessages.insert(port)
    }
}

// MARK: - Ports that come and go

extension ConsoleDevice {
    /// Adds a port while the guest may run: it is told at once.
    ///
    /// - Parameters:
    ///   - number: that of no port, 0..<`maxPorts`.
    ///   - description: what the guest gets to know.
    public mutating func addPort(_ number: Int, _ description: PortDescription) {
        ports[number].add(description, driverIsReady: isDriverReady)
        portsWithMessages.insert(number)
    }

    /// Removes a port while the guest may run. What its program has written and nobody has taken is thrown away from
    /// now on.
    public mutating func removePort(_ number: Int) {
        ports[number].remove()
        portsWithMessages.insert(number)
    }

    /// Gives a console another size; the guest is told at once.
    public mutating func resizePort(_ number: Int, to size: ConsoleSize?) {
        ports[number].resize(to: size)
        portsWithMessages.insert(number)
    }
}

// MARK: - One message

extension ConsoleDevice {
    private mutating func handle(_ message: ControlMessage, _ events: inout ControlEvents) {
        if message.event == .deviceReady {
            // Its port number is 2^32 - 1 from Linux: not looked at.
            handleDeviceReady(succeeded: message.value != 0, &events)
            return
        }
        let port = Int(message.portNumber)
        guard port < ports.count, ports[port].description != nil else {
            events.ignoredCount += 1
            return
        }
        // Of a number that was given to another port: said before the guest has learnt of it.
        guard !ports[port].state.concernsFormerPort else { return }
        switch message.event {
        case .portReady where message.value != 0:
            ports[port].state.portBecameReady()
            portsWithMessages.insert(port)
            events.ready.insert(port)
        case .portReady:
            if ports[port].isGuestOpen {
                noteClose(of: port, &events)
            }
            ports[port].state.portFailed()
            events.failed.insert(port)
        case .portOpen where message.value != 0:
            ports[port].state.setGuestOpen(true)
            events.opened.insert(port)
        case .portOpen:
            ports[port].state.setGuestOpen(false)
            noteClose(of: port, &events)
        case .deviceReady, .portAdd, .portRemove, .consolePort, .resize, .portName, nil:
            events.ignoredCount += 1
        }
    }

    private mutating func noteClose(of port: Int, _ events: inout ControlEvents) {
        ports[port].noteClose()
        events.closed.insert(port)
    }

    private mutating func handleDeviceReady(succeeded: Bool, _ events: inout ControlEvents) {
        guard succeeded else {
            events.driverFailed = true
            isDriverReady = false
            return
        }
        events.driverBecameReady = true
        isDriverReady = true
        for port in 0..<ports.count {
            if ports[port].isGuestOpen {
                events.closed.insert(port)
            }
            ports[port].reset()
            guard ports[port].description != nil else { continue }
            ports[port].state.driverBecameReady()
            portsWithMessages.insert(port)
        }
    }

    /// The message that is owed next, and its port.
    private mutating func nextMessage() -> (port: Int, message: PortState.Message)? {
        while let port = portsWithMessages.first {
            if let message = nextMessage(of: port) {
                return (port, message)
            }
            portsWithMessages.remove(port)
        }
        return nil
    }

    /// The message that `port` owes first; one that this driver would not heed is skipped.
    private mutating func nextMessage(of port: Int) -> PortState.Message? {
        while let message = ports[port].state.nextMessage {
            guard case .resize = message, !acknowledgedFeatures.contains(.consoleSize) else { return message }
            ports[port].state.didSend(message)
        }
        return nil
    }

    private func encode(_ message: PortState.Message, port: Int) -> [UInt8] {
        switch message {
        case .remove:
            ControlMessage(.portRemove, port: port, value: 1).encoded()
        case .add:
            ControlMessage(.portAdd, port: port, value: 1).encoded()
        case .console:
            ControlMessage(.consolePort, port: port, value: 1).encoded()
        case .resize(let size):
            ControlMessage(.resize, port: port, value: 0).encoded(tail: encode(size, for: port))
        case .name:
            ControlMessage(.portName, port: port, value: 1).encoded(
                tail: Array((ports[port].description?.name ?? "").utf8))
        case .open(let isOpen):
            ControlMessage(.portOpen, port: port, value: isOpen ? 1 : 0).encoded()
        }
    }

    private func encode(_ size: ConsoleSize, for port: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        let isRowsFirst = ports[port].description?.resizeOrder == .rowsFirst
        bytes.appendLittleEndian(isRowsFirst ? size.rows : size.columns)
        bytes.appendLittleEndian(isRowsFirst ? size.columns : size.rows)
        return bytes
    }
}
