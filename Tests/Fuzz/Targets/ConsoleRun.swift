import BasicContainers
import Virtio
import VirtioConsole

/// One device while an input lasts, with the driver's half of its rings.
struct ConsoleRun: ~Copyable {
    static let ports: [Int: PortDescription] = [
        0: PortDescription(name: "console", isConsole: true, size: ConsoleSize(columns: 80, rows: 25)),
        1: PortDescription(name: String(repeating: "n", count: 240)),
        2: PortDescription(
            name: "", isConsole: true, size: ConsoleSize(columns: 1, rows: 65535), resizeOrder: .rowsFirst),
    ]
    /// One more than there are ports: a number that no port has.
    static let maxPorts = 4
    static let features: VirtioFeatures = [.multiport, .consoleSize]

    private static let controlReceiveq = 2
    private static let controlTransmitq = 3

    private var device = ConsoleDevice(maxPorts: ConsoleRun.maxPorts, ports: ConsoleRun.ports)
    private let image: GuestImage
    private let scratch: ScratchBatch
    private var drivers: [ConsoleRingDriver]
    /// Where each ring stopped.
    private var bases: [UInt32]
    /// Control messages that the device has not read yet.
    private var unread: [[UInt8]] = []
    private var handshake = HandshakeOracle()

    init(image: GuestImage, scratch: ScratchBatch) {
        self.image = image
        self.scratch = scratch
        drivers = (0..<device.queueCount).map { ConsoleRingDriver(index: $0, image) }
        bases = Array(repeating: 0, count: drivers.count)
        device.setFeatures(Self.features)
        for index in drivers.indices {
            start(index, goesOn: false)
        }
    }

    mutating func step(_ source: inout ByteSource) throws(OracleFailure) {
        switch source.choose(16) {
        case 0: start(source.choose(drivers.count), goesOn: source.nextBool())
        case 1: stop(source.choose(drivers.count))
        case 2...4: sayControl(&source)
        case 5: try listen()
        case 6: offerControlBuffers(&source)
        case 7: try tell()
        case 8: device.setHostOpen(source.nextBool(), port: source.choose(Self.maxPorts))
        case 9: setFeatures(&source)
        case 10: offerData(&source)
        case 11: serveToHost(&source)
        case 12: serveToGuest(&source)
        case 13: refill(&source)
        case 14:
            image.store(
                source.take(1 + source.choose(8)), guest: GuestImage.low.guestBase + UInt64(source.next(UInt16.self)))
            handshake.isTrusted = false
        default: checkCalls()
        }
    }

    // MARK: Rings

    private mutating func start(_ index: Int, goesOn: Bool) {
        guard !device.isRunning(index) else { return }
        let setup = drivers[index].setup(base: bases[index])
        guard
            let queue = try? Virtqueue(
                setup.addresses, in: setup.space, size: setup.size, base: setup.base, features: setup.features,
                memory: image.memory)
        else { return }
        device.startQueue(index, queue, goesOn: goesOn)
    }

    private mutating func stop(_ index: Int) {
        bases[index] = device.stopQueue(index) ?? bases[index]
    }

    /// A ring is broken: what was in it nobody can tell.
    private mutating func end(_ index: Int) {
        stop(index)
        device.forgetChains(index)
        handshake.isTrusted = false
    }

    /// Other features, or a reset: the handshake that was is none any more.
    private mutating func setFeatures(_ source: inout ByteSource) {
        if source.nextBool() {
            device.setFeatures(VirtioFeatures(rawValue: UInt64(source.next())))
            handshake.isTrusted = false
        } else {
            _ = device.reset()
            handshake.reset()
        }
    }

    // MARK: Control messages

    /// A message of any size, in any pieces.
    private mutating func sayControl(_ source: inout ByteSource) {
        let isRaw = source.choose(8) == 0
        let port = isRaw ? source.next(UInt32.self) : UInt32(source.choose(Self.maxPorts + 1))
        let event = isRaw ? source.next(UInt16.self) : source.choose(from: [0, 3, 6, 3, 6, 1])
        let value = isRaw ? source.next(UInt16.self) : UInt16(source.choose(2))
        var message = port.littleEndianBytes + event.littleEndianBytes + value.littleEndianBytes
        let change = source.next()
        if change & 7 == 0 {
            message = Array((message + source.take(12)).prefix(Int(change >> 3)))
        }
        let first = message.prefix(source.choose(10))
        guard drivers[Self.controlTransmitq].hasRoom else { return }
        drivers[Self.controlTransmitq].offer(readable: Array(first), Array(message.dropFirst(first.count)))
        unread.append(message)
    }

    private mutating func listen() throws(OracleFailure) {
        guard device.isRunning(Self.controlTransmitq) else { return }
        var events = ControlEvents()
        let isBusy: Bool
        do throws(VirtqueueError) {
            isBusy = try device.receiveControl(using: &scratch.batch, memory: image.memory, events: &events)
        } catch {
            return end(Self.controlTransmitq)
        }
        // A ring has room for far fewer messages than one turn handles.
        try expect(!isBusy || !handshake.isTrusted, "messages are left")
        for message in unread {
            handshake.guestSaid(message)
        }
        unread = []
    }

    private mutating func offerControlBuffers(_ source: inout ByteSource) {
        for _ in 0...source.choose(8) where drivers[Self.controlReceiveq].hasRoom {
            let whole = ConsoleRingDriver.bufferByteCount
            drivers[Self.controlReceiveq].offer(writable: source.choose(16) == 0 ? source.choose(whole) : whole)
        }
    }

    private mutating func tell() throws(OracleFailure) {
        guard device.isRunning(Self.controlReceiveq) else { return }
        do throws(VirtqueueError) {
            _ = try device.sendControl(using: &scratch.batch, memory: image.memory)
        } catch {
            return end(Self.controlReceiveq)
        }
        guard handshake.isTrusted else { return }
        for message in try drivers[Self.controlReceiveq].takeMessages() where !message.isEmpty {
            try handshake.deviceSaid(message)
        }
    }

    // MARK: Data

    private mutating func offerData(_ source: inout ByteSource) {
        let port = source.choose(Self.maxPorts)
        let role = source.nextBool() ? QueueRole.transmitq(port: port) : .receiveq(port: port)
        let byteCount = source.choose(ConsoleRingDriver.bufferByteCount)
        guard drivers[role.queueIndex].hasRoom else { return }
        if role == .receiveq(port: port) {
            drivers[role.queueIndex].offer(writable: byteCount)
        } else {
            drivers[role.queueIndex].offer(readable: source.take(byteCount), [])
        }
    }

    private mutating func serveToHost(_ source: inout ByteSource) {
        let port = source.choose(Self.maxPorts)
        let queue = QueueRole.transmitq(port: port).queueIndex
        guard device.isRunning(queue) else { return }
        do throws(VirtqueueError) {
            let action = source.choose(4)
            if action == 3 {
                try device.ports[port].noteGoneClient()
            }
            try device.ports[port].lookAheadToHost(
                into: &scratch.batch, memory: image.memory, byteLimit: 1 + source.choose(64))
            if action == 0 || device.ports[port].hasBacklog {
                _ = device.ports[port].didDiscard(scratch.batch, .unwanted)
            } else {
                device.ports[port].didTakeToHost(
                    scratch.batch, byteCount: source.nextInt(upTo: scratch.batch.byteCount))
            }
            _ = device.ports[port].publishToHost(mayWait: source.nextBool())
            _ = device.ports[port].enableToHostKicks()
        } catch {
            end(queue)
        }
    }

    private mutating func serveToGuest(_ source: inout ByteSource) {
        let port = source.choose(Self.maxPorts)
        let queue = QueueRole.receiveq(port: port).queueIndex
        guard device.ports[port].canReceive else { return }
        do throws(VirtqueueError) {
            try device.ports[port].lookAheadToGuest(
                into: &scratch.batch, memory: image.memory, byteLimit: 1 + source.choose(64))
            device.ports[port].didFillToGuest(scratch.batch, byteCount: source.nextInt(upTo: scratch.batch.byteCount))
            _ = device.ports[port].publishToGuest(mayWait: source.nextBool())
        } catch {
            end(queue)
        }
    }

    private mutating func refill(_ source: inout ByteSource) {
        let port = source.choose(Self.maxPorts)
        switch source.choose(4) {
        case 0: _ = device.ports[port].awaitRefill()
        case 1: _ = device.ports[port].hasRefill()
        case 2: _ = device.ports[port].endRefill()
        default: device.ports[port].disableToGuestKicks()
        }
    }

    private mutating func checkCalls() {
        _ = device.controlReceiveqNeedsCall()
        _ = device.controlTransmitqNeedsCall()
        for index in drivers.indices {
            _ = device.owesCall(index)
        }
    }
}
