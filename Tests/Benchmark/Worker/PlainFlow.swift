import Glibc

/// One thing that a ``PlainLoop`` or a ``UringLoop`` does beside others, as a device serves one direction of a port.
@safe
final class PlainFlow {
    enum Kind {
        /// From shared memory to the socket.
        case gather
        /// From the socket to shared memory.
        case scatter
        /// From the socket to the driver, which answers by the eventfd, and back.
        case relay
    }

    let kind: Kind
    let socket: Int32
    /// Of a relay.
    let message: UnsafeMutableRawBufferPointer
    /// Where the eventfd's value goes.
    let kickValue: UnsafeMutableRawPointer
    /// What is under way; a ``UringLoop`` gives the kernel its address.
    let header: UnsafeMutablePointer<msghdr>
    private var batches: PieceBatches?
    private let index: Int
    private let counters: SharedCounters
    /// A relay's: whether the driver has the message.
    var isWithDriver = false

    /// `gather.SOCKET.AREA.PIECE`, `scatter.SOCKET.AREA.PIECE` or `relay.SOCKET.BYTES`.
    init(_ text: Substring, index: Int, sockets: [Int32], counters: SharedCounters) throws {
        let words = text.split(separator: ".")
        let numbers = words.dropFirst().compactMap { Int($0) }
        guard let connection = numbers.first, sockets.indices.contains(connection) else {
            throw BenchmarkError("no such flow: \(text)")
        }
        switch (words[0], numbers.count) {
        case ("gather", 3): kind = .gather
        case ("scatter", 3): kind = .scatter
        case ("relay", 2): kind = .relay
        default: throw BenchmarkError("no such flow: \(text)")
        }
        socket = sockets[connection]
        batches = kind == .relay ? nil : PieceBatches(areaByteCount: numbers[1], pieceByteCount: numbers[2])
        // Never freed: these last as long as the process's work.
        unsafe message = .allocate(byteCount: kind == .relay ? numbers[1] : 1, alignment: 64)
        unsafe kickValue = .allocate(byteCount: 8, alignment: 8)
        unsafe header = .allocate(capacity: 1)
        unsafe header.initialize(to: msghdr())
        self.index = index
        self.counters = counters
    }

    /// Puts the next batch into ``header``.
    func advance() {
        if let next = unsafe batches?.next() { unsafe header.pointee = next }
    }

    /// Counts bytes, or a message that the driver is to answer.
    func add(_ count: Int) {
        counters[index, .count] += UInt64(count)
    }

    /// A receiver ends with its last byte, all others when they are told.
    var mustEnd: Bool {
        switch kind {
        case .scatter: counters[index, .count] >= counters[index, .expected]
        case .gather, .relay: counters[index, .stop] != 0
        }
    }

    func finish(errno: Int32 = 0) {
        counters[index, .finished] = 1 + UInt64(errno)
    }
}
