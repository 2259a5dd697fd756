import BasicContainers
import LinuxIO
import VhostUser
import Virtio
import VirtioConsole

/// The back-end's end of a connection: a session, and a device whose rings really run. It does what the owner of a
/// session has to do, and nothing that it need not.
struct SessionBackend: ~Copyable {
    private static let maxPorts = 3

    private var channel: MessageChannel
    private var session: VhostUserSession
    private var device: ConsoleDevice
    private let scratch: ScratchBatch

    init(_ stream: consuming UnixStream, _ scratch: ScratchBatch) {
        device = ConsoleDevice(
            maxPorts: Self.maxPorts,
            ports: [0: PortDescription(name: "console", isConsole: true), 1: PortDescription(name: "port")])
        channel = MessageChannel(stream)
        session = VhostUserSession(
            DeviceOffer(
                features: ConsoleDevice.features.union([.eventIndex, .indirectDescriptors, .packedRing, .inOrder]),
                queueCount: device.queueCount, maximumQueueSize: 1024, configByteCount: ConsoleConfigSpace.byteCount))
        self.scratch = scratch
    }

    /// Handles what was sent, and gives every ring a turn; false when the connection is over.
    mutating func serve(_ source: inout ByteSource) -> Bool {
        do {
            try channel.flush()
            while try handleMessage() {}
            serveRings()
            if source.choose(8) == 0 {
                try? session.sendConfigChange()
            }
            try? session.flushBackendChannel()
            return !isOver
        } catch {
            return false
        }
    }

    private var isOver = false

    private mutating func handleMessage() throws(MessageChannelError) -> Bool {
        switch try channel.receive() {
        case .message(let message):
            try handle(message)
            return true
        case .needMore:
            return false
        case .closed:
            isOver = true
            return false
        }
    }

    private mutating func handle(_ message: consuming ReceivedMessage) throws(MessageChannelError) {
        let header = message.header
        var effect: SessionEffect?
        do throws(ProtocolError) {
            effect = try session.apply(MessageDecoder.decode(message))
        } catch {
            _ = error.description
        }
        if let effect {
            try perform(effect)
        }
        if let reply = session.acknowledgement(for: header, succeeded: effect != nil) {
            try channel.send(reply)
        }
    }

    private mutating func perform(_ effect: SessionEffect) throws(MessageChannelError) {
        switch effect {
        case .none: break
        case .reply(let reply): try channel.send(reply)
        case .ringChanged(let index): compare(index)
        case .allRingsChanged: compareAll()
        case .memoryChanged:
            for index in 0..<device.queueCount { stop(index) }
            compareAll()
        case .stopRing(let index):
            stop(index)
            try channel.send(session.answerVringBase(index))
        case .readConfig(let offset, let byteCount):
            let bytes = device.configSpace.read(offset: offset, byteCount: byteCount)
            try channel.send(.config(offset: offset, byteCount: byteCount, bytes: bytes))
        case .writeConfig(let offset, let bytes, _):
            _ = ConsoleConfigSpace.emergencyCharacter(writing: bytes, at: offset)
        case .reset:
            compareAll()
            _ = device.reset()
        }
    }

    // MARK: Rings

    private mutating func compareAll() {
        for index in 0..<device.queueCount { compare(index) }
    }

    private mutating func compare(_ index: Int) {
        guard index < device.queueCount else { return }
        guard session.vring(index).isRunnable else { return stop(index) }
        guard !device.isRunning(index) else { return }
        do throws(VirtqueueError) {
            let goesOn = session.vring(index).stoppedBase == session.vring(index).base
            device.startQueue(index, try session.activate(index), goesOn: goesOn)
            device.setFeatures(session.acknowledgedFeatures)
        } catch {
            try? session.signalError(index)
        }
    }

    private mutating func stop(_ index: Int) {
        guard let base = device.stopQueue(index) else { return }
        session.ringStopped(index, base: base)
    }

    private mutating func serveRings() {
        for index in 0..<device.queueCount where device.isRunning(index) {
            do throws(VirtqueueError) {
                try serveRing(index)
                try? session.signalCall(index)
            } catch {
                stop(index)
                device.forgetChains(index)
            }
        }
        if session.memory.isGone {
            for index in 0..<device.queueCount { stop(index) }
        }
    }

    private mutating func serveRing(_ index: Int) throws(VirtqueueError) {
        var events = ControlEvents()
        switch QueueRole(queueIndex: index) {
        case .controlReceiveq: _ = try device.sendControl(using: &scratch.batch, memory: session.memory)
        case .controlTransmitq:
            _ = try device.receiveControl(using: &scratch.batch, memory: session.memory, events: &events)
        case .receiveq(let port):
            try device.ports[port].lookAheadToGuest(into: &scratch.batch, memory: session.memory, byteLimit: 4096)
            device.ports[port].didFillToGuest(scratch.batch, byteCount: scratch.batch.byteCount)
            _ = device.ports[port].publishToGuest()
        case .transmitq(let port):
            try device.ports[port].lookAheadToHost(into: &scratch.batch, memory: session.memory, byteLimit: 4096)
            _ = device.ports[port].didDiscard(scratch.batch, .unwanted)
            _ = device.ports[port].publishToHost()
        }
    }
}
