import Logging

/// Moves lines from the ``LogQueue`` to stderr, as far as stderr takes them; the control thread's half of logging.
package struct LogWriter: ~Copyable {
    private let queue: LogQueue
    private let output: LogOutput
    private var pending: ArraySlice<UInt8> = []

    package init(queue: LogQueue, output: consuming LogOutput) {
        self.queue = queue
        self.output = output
    }

    /// Readable when there are new lines. Borrowed.
    package var queueDescriptor: Int32 { queue.descriptor }
    /// What becomes writable when ``flush()`` returned `false`. Borrowed.
    package var outputDescriptor: Int32 { output.rawValue }

    /// Writes what waits: the rest of the batch before, then one more.
    ///
    /// The queue is left alone while an earlier batch is still being written: what is in memory stays bounded by two
    /// batches. One batch and not until the queue is empty: a thread that logs without end cannot keep the control
    /// thread here.
    ///
    /// - Returns: whether both were written; `false`: call again when ``outputDescriptor`` is writable.
    package mutating func flush() -> Bool {
        guard writePending() else { return false }
        pending = encode(queue.take())
        return writePending()
    }

    private mutating func writePending() -> Bool {
        while !pending.isEmpty {
            switch output.write(pending) {
            case .wrote(let count): pending = pending.dropFirst(count)
            case .wouldBlock: return false
            // No reader, a full disk: the lines have no other place to go, and the daemon's work does not depend on
            // them.
            case .refused: pending = []
            }
        }
        return true
    }

    private func encode(_ batch: LogQueue.Batch) -> ArraySlice<UInt8> {
        var bytes = batch.lines.flatMap { $0.bytes(isJournal: output.isJournal) }
        if batch.lostCount > 0 {
            let line = LogLine(
                level: .warning, text: "\(batch.lostCount) log lines lost: nobody reads stderr fast enough")
            bytes += line.bytes(isJournal: output.isJournal)
        }
        return bytes[...]
    }
}
