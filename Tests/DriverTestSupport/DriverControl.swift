import MachineTestSupport

/// The control queues, as the driver uses them: ports are found, made ready and opened (virtio 1.3 §5.3.6.2).
package final class DriverControl {
    private enum Event {
        static let deviceReady: UInt16 = 0
        static let portAdd: UInt16 = 1
        static let portReady: UInt16 = 3
        static let portOpen: UInt16 = 6
    }

    package let receiveQueue: DriverQueue
    package let transmitQueue: DriverQueue
    private let memory: GuestRAM
    private let receiveBuffers: UInt64
    private let sendBuffer: UInt64
    private static let bufferByteCount = 256
    /// What QEMU's own device has at most.
    package static let queueSize = 32

    package private(set) var added: Set<Int> = []
    /// Ports that somebody on the host has open.
    package private(set) var hostOpen: Set<Int> = []

    package init(memory: GuestRAM, makeRing: () throws -> any DriverRing) throws {
        self.memory = memory
        receiveQueue = DriverQueue(ring: try makeRing())
        transmitQueue = DriverQueue(ring: try makeRing())
        let size = receiveQueue.ring.size
        receiveBuffers = try memory.allocate(Self.bufferByteCount * size)
        sendBuffer = try memory.allocate(8)
        for slot in 0..<size {
            try receiveQueue.ring.describe(
                slot,
                [BufferPiece(address: receiveBuffer(slot), byteCount: Self.bufferByteCount, isWritable: true)])
        }
        try transmitQueue.ring.describe(0, [BufferPiece(address: sendBuffer, byteCount: 8, isWritable: false)])
    }

    private func receiveBuffer(_ slot: Int) -> UInt64 { receiveBuffers + UInt64(Self.bufferByteCount * slot) }

    /// Brings the ports up, and opens them.
    package func start(ports: Set<Int>) throws {
        for slot in 0..<receiveQueue.ring.size { receiveQueue.offer(slot) }
        try send(port: 0, Event.deviceReady, 1)
        try Self.wait(for: "the device announces its ports") {
            pump()
            return ports.isSubset(of: added)
        }
        for port in ports.sorted() {
            try send(port: port, Event.portReady, 1)
            try send(port: port, Event.portOpen, 1)
        }
    }

    /// A program in the guest opens a port, or closes it.
    package func setOpen(port: Int, _ isOpen: Bool) throws { try send(port: port, Event.portOpen, isOpen ? 1 : 0) }

    /// Waits until the device has told that every port has a client.
    package func waitForClients(of ports: Set<Int>) throws {
        try Self.wait(for: "the device tells that its ports have clients") {
            pump()
            return ports.isSubset(of: hostOpen)
        }
    }

    /// A look takes less time than a wake-up, and nothing else is to be done meanwhile.
    private static func wait(for what: String, until condition: () -> Bool) throws {
        try Deadline.wait(for: what, within: .seconds(10), every: .microseconds(100), until: condition)
    }

    private func send(port: Int, _ event: UInt16, _ value: UInt16) throws {
        let place = unsafe memory.pointer(sendBuffer, 8)
        unsafe place.storeBytes(of: UInt32(port).littleEndian, as: UInt32.self)
        unsafe place.storeBytes(of: event.littleEndian, toByteOffset: 4, as: UInt16.self)
        unsafe place.storeBytes(of: value.littleEndian, toByteOffset: 6, as: UInt16.self)
        transmitQueue.offer(0)
        try Self.wait(for: "the device uses a control message") {
            pump()
            return transmitQueue.ring.takeUsed() != nil
        }
    }

    /// Takes the device's messages.
    package func pump() {
        while let used = receiveQueue.ring.takeUsed() {
            if used.byteCount >= 8 {
                let place = unsafe memory.pointer(receiveBuffer(used.slot), 8)
                handle(
                    port: unsafe Int(UInt32(littleEndian: place.load(as: UInt32.self))),
                    event: unsafe UInt16(littleEndian: place.load(fromByteOffset: 4, as: UInt16.self)),
                    value: unsafe UInt16(littleEndian: place.load(fromByteOffset: 6, as: UInt16.self)))
            }
            receiveQueue.offer(used.slot)
        }
    }

    private func handle(port: Int, event: UInt16, value: UInt16) {
        switch event {
        case Event.portAdd: added.insert(port)
        case Event.portOpen where value == 0: hostOpen.remove(port)
        case Event.portOpen: hostOpen.insert(port)
        default: break
        }
    }
}
