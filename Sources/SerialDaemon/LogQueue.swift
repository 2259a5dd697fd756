package import LinuxIO
import Synchronization

/// Finished log lines on their way from the thread that logs to the control thread, which alone writes to stderr.
///
/// A stalled reader of stderr (a full pipe, a terminal under ^S) must never stall the guest, so the way is bounded:
/// what finds it full is counted and not kept. The oldest lines stay, because the first of a flood says what began it.
///
/// ## Concurrency
/// Any thread may append. One thread takes.
package final class LogQueue: Sendable {
    /// The most lines that wait. Far above what a healthy daemon logs at once; at ``maximumLineByteCount`` each they
    /// take 4 MiB.
    package static let capacity = 1024
    /// Longer lines are cut.
    package static let maximumLineByteCount = 4096

    /// What ``take()`` hands out.
    package struct Batch: Equatable, Sendable {
        /// In the order in which they were logged.
        package var lines: [LogLine] = []
        /// How many came while the queue was full, after those in ``lines``.
        package var lostCount = 0

        package var isEmpty: Bool { lines.isEmpty && lostCount == 0 }
    }

    private let batch = Mutex(Batch())
    private let event: EventFileDescriptor

    /// An empty queue.
    package init() throws(SystemError) {
        event = try EventFileDescriptor()
    }

    /// Readable when there is something to take. Borrowed: never close it.
    package var descriptor: Int32 { event.rawValue }

    /// Puts a line at the end, or counts it as lost.
    package func append(_ line: LogLine) {
        let wasEmpty = batch.withLock { batch in
            let wasEmpty = batch.isEmpty
            if batch.lines.count < Self.capacity {
                batch.lines.append(line)
            } else {
                batch.lostCount += 1
            }
            return wasEmpty
        }
        // One signal for each batch: the taker empties the queue, whatever the count.
        if wasEmpty { event.signalOwn() }
    }

    /// Everything that waits.
    package func take() -> Batch {
        event.drainOwn()
        return batch.withLock { batch in
            defer { batch = Batch() }
            return batch
        }
    }
}
