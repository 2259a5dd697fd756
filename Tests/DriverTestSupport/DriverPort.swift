import Glibc
import MachineTestSupport

/// One port's two queues, driven as a busy guest drives them: no interrupt is waited for, the rings are polled.
package final class DriverPort {
    /// What is done with bytes from the host.
    package enum Reception {
        case count
        case echo
        case verify
    }

    /// The size of the buffers that Linux posts on a receiveq.
    package static let receiveBufferByteCount = 4096
    /// The largest buffer of a transmitq, in whatever pieces.
    package static let maximumSendByteCount = 65536

    package let number: Int
    package let receiveQueue: DriverQueue
    package let transmitQueue: DriverQueue
    private let memory: GuestRAM
    private let receiveBuffers: UInt64
    /// Taken when something is sent first: of most ports of a test nothing ever is.
    private var sendBuffers: UInt64?
    private var freeSlots: [Int] = []
    private var sendByteCount: Int
    private var pieceCount = 1

    package var reception = Reception.count
    /// Whether every buffer that comes back is sent again.
    package private(set) var isSending = false
    /// Whether what is sent is the ``StreamPattern``, buffer by buffer of varying size.
    package private(set) var isVerifying = false
    package private(set) var sentByteCount: UInt64 = 0
    package private(set) var receivedByteCount: UInt64 = 0
    /// Where the first wrong byte was.
    package private(set) var mismatch: UInt64?
    private var slotByteCounts: [Int]

    package init(number: Int, memory: GuestRAM, makeRing: () throws -> any DriverRing) throws {
        self.number = number
        self.memory = memory
        receiveQueue = DriverQueue(ring: try makeRing())
        transmitQueue = DriverQueue(ring: try makeRing())
        let size = receiveQueue.ring.size
        receiveBuffers = try memory.allocate(Self.receiveBufferByteCount * size)
        sendByteCount = Self.maximumSendByteCount
        slotByteCounts = [Int](repeating: 0, count: size)
        freeSlots = Array(0..<size)
        for slot in 0..<size {
            try receiveQueue.ring.describe(
                slot,
                [
                    BufferPiece(
                        address: receiveBuffer(slot), byteCount: Self.receiveBufferByteCount, isWritable: true)
                ])
        }
    }

    private func receiveBuffer(_ slot: Int) -> UInt64 { receiveBuffers + UInt64(Self.receiveBufferByteCount * slot) }

    /// Close together, so that small buffers use little cache.
    private func sendBuffer(_ slot: Int) throws -> UInt64 {
        if let sendBuffers { return sendBuffers + UInt64(sendByteCount * slot) }
        sendBuffers = try memory.allocate(Self.maximumSendByteCount * transmitQueue.ring.size)
        return try sendBuffer(slot)
    }

    package var kickCount: UInt64 { receiveQueue.kickCount + transmitQueue.kickCount }
    /// How many buffers the device has of the transmitq.
    package var outstandingCount: Int { transmitQueue.ring.size - freeSlots.count }

    /// Posts the whole receiveq; once.
    package func start() {
        for slot in 0..<receiveQueue.ring.size {
            receiveQueue.offer(slot)
        }
    }

    /// Begins a new piece of work with counters at zero. Nothing of the last one may be outstanding.
    ///
    /// Buffers of `byteCount`, whose pages are touched now, are sent in `pieceCount` pieces each.
    package func prepare(byteCount: Int, pieceCount: Int = 1, reception: Reception) throws {
        precondition(outstandingCount == 0 && byteCount <= Self.maximumSendByteCount)
        sendByteCount = byteCount
        self.pieceCount = pieceCount
        self.reception = reception
        sentByteCount = 0
        receivedByteCount = 0
        mismatch = nil
        freeSlots = Array(0..<transmitQueue.ring.size)
        for slot in 0..<transmitQueue.ring.size {
            unsafe memset(memory.pointer(try sendBuffer(slot), byteCount), 0x55, byteCount)
            slotByteCounts[slot] = -1
            try describe(slot, byteCount)
        }
    }

    private func describe(_ slot: Int, _ byteCount: Int) throws {
        guard slotByteCounts[slot] != byteCount else { return }
        slotByteCounts[slot] = byteCount
        let pieces = min(pieceCount, byteCount)
        let pieceByteCount = byteCount / pieces
        let buffer = try sendBuffer(slot)
        try transmitQueue.ring.describe(
            slot,
            (0..<pieces).map { index in
                let isLast = index + 1 == pieces
                return BufferPiece(
                    address: buffer + UInt64(index * pieceByteCount),
                    byteCount: isLast ? byteCount - index * pieceByteCount : pieceByteCount, isWritable: false)
            })
    }

    /// Sends with all buffers from now on.
    package func startSending(verifying: Bool = false) throws {
        isSending = true
        isVerifying = verifying
        let slots = freeSlots
        freeSlots = []
        for slot in slots { try send(slot) }
    }

    /// Sends no more; buffers may be outstanding still.
    package func stopSending() { isSending = false }

    private func send(_ slot: Int) throws {
        if isVerifying {
            // Sizes that are no multiple of anything, and differ from buffer to buffer.
            let count = 1 + Int((sentByteCount &* 2_654_435_761) % UInt64(sendByteCount))
            unsafe StreamPattern.fill(memory.pointer(try sendBuffer(slot), count), count, at: sentByteCount)
            try describe(slot, count)
        }
        sentByteCount += UInt64(slotByteCounts[slot])
        transmitQueue.offer(slot)
    }

    /// Takes what the device has used, and offers it again. Returns whether there was anything.
    package func pump() throws -> Bool {
        var didWork = false
        var budget = transmitQueue.ring.size
        while budget > 0, let used = transmitQueue.ring.takeUsed() {
            budget -= 1
            didWork = true
            if isSending {
                try send(used.slot)
            } else {
                freeSlots.append(used.slot)
            }
        }
        budget = receiveQueue.ring.size
        while budget > 0, let used = receiveQueue.ring.takeUsed() {
            budget -= 1
            didWork = true
            try receive(used)
            receiveQueue.offer(used.slot)
        }
        return didWork
    }

    private func receive(_ used: UsedBuffer) throws {
        guard used.byteCount <= Self.receiveBufferByteCount else {
            throw Failure("port \(number): the device wrote \(used.byteCount) bytes into a page")
        }
        switch reception {
        case .count: break
        case .verify:
            if mismatch == nil {
                mismatch = unsafe StreamPattern.firstMismatch(
                    memory.pointer(receiveBuffer(used.slot), used.byteCount), used.byteCount, at: receivedByteCount)
            }
        case .echo:
            guard let slot = freeSlots.popLast() else { throw Failure("port \(number): no buffer to answer") }
            unsafe memcpy(
                memory.pointer(try sendBuffer(slot), used.byteCount),
                memory.pointer(receiveBuffer(used.slot), used.byteCount), used.byteCount)
            try describe(slot, used.byteCount)
            sentByteCount += UInt64(used.byteCount)
            transmitQueue.offer(slot)
        }
        receivedByteCount += UInt64(used.byteCount)
    }
}
