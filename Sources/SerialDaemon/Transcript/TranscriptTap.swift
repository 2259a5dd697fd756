import Synchronization
import Virtio

/// One transcript's way from the device thread, which sees the bytes, to the control thread, which writes them.
///
/// What waits is bounded: bytes that find no room are counted as lost, and the guest notices nothing. A guest can change
/// a buffer that it has given away while it is taken: the transcript then shows what was there a moment later.
///
/// ## Concurrency
/// The device thread appends, the control thread takes; both may count.
package final class TranscriptTap: Sendable {
    /// The most bytes that wait: what a guest can write while the control thread waits for the processor.
    static let usualCapacity = 4 << 20

    private struct Waiting {
        var bytes: [UInt8] = []
        var counts = Counts()
    }

    /// What the port's status shows.
    struct Counts: Equatable {
        /// Bytes that are not in the file and never will be.
        var lost: UInt64 = 0
        /// How often the file could not be put aside for a new one.
        var failedRotations: UInt64 = 0
    }

    private let capacity: Int
    private let waiting = Mutex(Waiting())
    private let signal: TranscriptSignal

    init(capacity: Int = TranscriptTap.usualCapacity, signal: TranscriptSignal) {
        self.capacity = capacity
        self.signal = signal
    }

    // MARK: The device thread's end

    /// So many bytes have been taken from the guest: those that the pieces have, and perhaps more that nobody has seen.
    func append(_ vectors: borrowing IOVectors, byteCount: UInt64) {
        let seen = min(byteCount, UInt64(vectors.byteCount))
        unsafe append(Int(seen), unseen: byteCount - seen) { target in
            // SAFETY: both are good for the call; what is copied is not looked at.
            _ = unsafe vectors.copyBytes(into: target)
        }
    }

    /// The same of a byte of our own.
    func append(_ byte: UInt8) {
        unsafe append(1, unseen: 0) { target in
            // SAFETY: room for as many bytes as there are.
            unsafe target.copyBytes(from: CollectionOfOne(byte))
        }
    }

    private func append(_ byteCount: Int, unseen: UInt64, fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let wakesTaker = waiting.withLock { waiting in
            let start = waiting.bytes.count
            let kept = min(byteCount, capacity - start)
            let lost = UInt64(byteCount - kept) &+ unseen
            waiting.counts.lost &+= lost
            if kept > 0 {
                waiting.bytes.append(contentsOf: repeatElement(0, count: kept))
                unsafe waiting.bytes.withUnsafeMutableBytes { bytes in
                    unsafe fill(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
                }
            }
            // Of a loss the taker is told too: there may be nothing that it is told of otherwise.
            return start == 0 && (kept > 0 || lost > 0)
        }
        if wakesTaker { signal.raise() }
    }

    // MARK: The control thread's end

    /// Everything that waits, in exchange for memory to go on with.
    func take(into buffer: inout [UInt8]) {
        waiting.withLock { swap(&$0.bytes, &buffer) }
    }

    /// Bytes were taken and could not be written.
    func noteLoss(_ byteCount: Int) {
        waiting.withLock { $0.counts.lost &+= UInt64(byteCount) }
    }

    func noteFailedRotation() {
        waiting.withLock { $0.counts.failedRotations &+= 1 }
    }

    // MARK: Anybody's

    var counts: Counts { waiting.withLock { $0.counts } }
}
