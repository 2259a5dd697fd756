import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

/// The guest of a ``DeviceLoopFixture``: its memory, its queues, and the console driver's part of the handshake.
final class TestGuest {
    /// A control message as the guest got it.
    struct Told: Equatable, CustomStringConvertible {
        var event: UInt16
        var port: Int
        var value: UInt16 = 0
        var tail: [UInt8] = []

        static func add(_ port: Int) -> Told { Told(event: 1, port: port, value: 1) }
        static func console(_ port: Int) -> Told { Told(event: 4, port: port, value: 1) }
        static func open(_ port: Int, _ isOpen: Bool) -> Told { Told(event: 6, port: port, value: isOpen ? 1 : 0) }
        static func name(_ port: Int, _ name: String) -> Told {
            Told(event: 7, port: port, value: 1, tail: Array(name.utf8))
        }

        var description: String {
            let names = ["ready", "add", "remove", "portReady", "console", "resize", "open", "name"]
            let name = Int(event) < names.count ? names[Int(event)] : "event \(event)"
            return "\(name)(\(port), \(value)\(tail.isEmpty ? "" : ", \(tail)"))"
        }
    }

    let memory: TestMemory
    let ringSize: Int
    private(set) var queues: [GuestQueue] = []

    init(maxPorts: Int, ringSize: Int, hasEventIndex: Bool, memory: TestMemory?) throws {
        let queueCount = QueueRole.queueCount(maxPorts: maxPorts)
        self.memory = try memory ?? TestMemory(byteCount: UInt64(queueCount) * GuestQueue.byteCount)
        self.ringSize = ringSize
        let base = self.memory.regions[0].guestBase
        for index in 0..<queueCount {
            queues.append(
                try GuestQueue(
                    index, memory: self.memory, size: ringSize, base: base + UInt64(index) * GuestQueue.byteCount,
                    hasEventIndex: hasEventIndex))
        }
    }

    /// The queue of a port's bytes towards the guest.
    func receiveq(_ port: Int) -> GuestQueue { queues[QueueRole.receiveq(port: port).queueIndex] }
    /// The queue of a port's bytes towards the host.
    func transmitq(_ port: Int) -> GuestQueue { queues[QueueRole.transmitq(port: port).queueIndex] }
    var controlReceiveq: GuestQueue { queues[QueueRole.controlReceiveq.queueIndex] }
    var controlTransmitq: GuestQueue { queues[QueueRole.controlTransmitq.queueIndex] }

    /// All rings are made anew.
    func reset() { queues.forEach { $0.reset() } }

    // MARK: Control messages

    /// Offers buffers for control messages, as many as fit or as asked for.
    func offerControlBuffers(_ count: Int = .max, byteCount: Int = 256) throws {
        for _ in 0..<min(count, controlReceiveq.freeDescriptorCount) { controlReceiveq.offer(byteCount) }
        try controlReceiveq.notify()
    }

    func sendControl(event: UInt16, port: Int, value: UInt16) throws {
        controlTransmitq.reap()
        controlTransmitq.write(pack(UInt32(truncatingIfNeeded: port)) + pack(event) + pack(value))
        try controlTransmitq.notify()
    }

    func sendDeviceReady() throws { try sendControl(event: 0, port: -1, value: 1) }
    func sendPortReady(_ port: Int) throws { try sendControl(event: 3, port: port, value: 1) }
    func sendOpen(_ port: Int, _ isOpen: Bool = true) throws {
        try sendControl(event: 6, port: port, value: isOpen ? 1 : 0)
    }

    /// The messages that came since the last call. Their buffers are not offered again.
    func takeControl() -> [Told] {
        controlReceiveq.reap().map { bytes in
            guard bytes.count >= 8 else {
                Issue.record("a control message of \(bytes.count) bytes")
                return Told(event: .max, port: -1)
            }
            let port: UInt32 = unpack(Array(bytes[0..<4]))
            return Told(
                event: unpack(Array(bytes[4..<6])), port: Int(port), value: unpack(Array(bytes[6..<8])),
                tail: Array(bytes[8...]))
        }
    }

    // MARK: Data

    /// Writes a port's bytes as Linux does it: one buffer, and a kick if it is wanted.
    func write(_ bytes: [UInt8], port: Int) throws {
        transmitq(port).reap()
        transmitq(port).write(bytes)
        try transmitq(port).notify()
    }

    /// Fills the ring up with buffers for a port's bytes.
    func offerBuffers(port: Int, count: Int = .max, byteCount: Int = 4096) throws {
        for _ in 0..<min(count, receiveq(port).freeDescriptorCount) { receiveq(port).offer(byteCount) }
        try receiveq(port).notify()
    }

    /// What a port has got since the last call.
    func read(port: Int) -> [UInt8] { receiveq(port).reap().flatMap { $0 } }
}
