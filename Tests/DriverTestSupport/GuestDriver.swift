import Synchronization

/// The driver of a whole device: control queues and ports, in one thread that polls.
@safe
package final class GuestDriver {
    /// Which kind of ring a device is driven with.
    package enum Layout: String {
        case split
        case packed
    }

    package let memory: GuestRAM
    package let layout: Layout
    package let control: DriverControl
    package let ports: [DriverPort]
    package let queueSize: Int
    /// A word of 32 bits that an interrupt may be written to.
    package let interruptAddress: UInt64
    // SAFETY: the word lies in `memory`, which this object keeps.
    private let interruptWord: UnsafePointer<Atomic<UInt32>>
    /// How many times the word was found written.
    package private(set) var interruptCount: UInt64 = 0

    /// The features to agree on: MULTIPORT, INDIRECT_DESC, EVENT_IDX, VERSION_1, and RING_PACKED.
    package static func features(_ layout: Layout) -> UInt64 {
        1 << 1 | 1 << 28 | 1 << 29 | 1 << 32 | (layout == .packed ? 1 << 34 : 0)
    }

    /// Lays out the rings of the control queues and of ports `numbers`.
    package init(memory: GuestRAM, layout: Layout, queueSize: Int, ports numbers: [Int]) throws {
        func makeRing(_ size: Int) throws -> any DriverRing {
            switch layout {
            case .split: try SplitDriverRing(memory: memory, size: size)
            case .packed: try PackedDriverRing(memory: memory, size: size)
            }
        }
        self.memory = memory
        self.layout = layout
        self.queueSize = queueSize
        interruptAddress = try memory.allocate(4)
        unsafe interruptWord = UnsafePointer(
            memory.pointer(interruptAddress, 4).assumingMemoryBound(to: Atomic<UInt32>.self))
        control = try DriverControl(memory: memory) { try makeRing(DriverControl.queueSize) }
        ports = try numbers.map { try DriverPort(number: $0, memory: memory) { try makeRing(queueSize) } }
    }

    /// Every queue that is driven, with its index (virtio 1.3 §5.3.2).
    package var queues: [(index: Int, queue: DriverQueue)] {
        [(2, control.receiveQueue), (3, control.transmitQueue)]
            + ports.flatMap { port in
                let first = port.number == 0 ? 0 : 2 * port.number + 2
                return [(first, port.receiveQueue), (first + 1, port.transmitQueue)]
            }
    }

    package var kickCount: UInt64 { ports.reduce(0) { $0 + $1.kickCount } }

    /// The device runs: brings the ports up, with their receiveqs full.
    package func start() throws {
        for port in ports { port.start() }
        try control.start(ports: Set(ports.map(\.number)))
    }

    /// Does what there is to do on the ports; returns whether there was anything.
    @inline(__always)
    package func pump() throws -> Bool {
        if unsafe interruptWord.pointee.load(ordering: .relaxed) != 0 {
            unsafe interruptWord.pointee.store(0, ordering: .relaxed)
            interruptCount += 1
        }
        var didWork = false
        for port in ports where try port.pump() { didWork = true }
        return didWork
    }

    package func waitForClients() throws {
        try control.waitForClients(of: Set(ports.map(\.number)))
    }
}
