import LinuxIO
import Logging

/// One port's transcript: what waits for it, its file, and what is told of it.
///
/// ## Concurrency
/// On the control thread; the tap is shared with the device thread.
final class Transcript {
    /// Memory that is kept for the next bytes; more than that was for a burst.
    private static let keptByteCount = 256 << 10

    let tap: TranscriptTap
    let file: TranscriptFile
    private let log: Logger
    private var buffer: [UInt8] = []
    /// What was told of.
    private var toldCounts = TranscriptTap.Counts()
    /// How many bytes had been lost when the last line said that some are; nil when a line said that it goes on.
    private var lossBegan: UInt64?
    private var limit = RateLimit(now: MonotonicClock.nanoseconds())

    /// - Parameters:
    ///   - tap: where bytes come from.
    ///   - file: where they go.
    ///   - log: with the port's name.
    init(_ tap: TranscriptTap, _ file: TranscriptFile, log: Logger) {
        self.tap = tap
        self.file = file
        self.log = log
    }

    /// Writes what waits.
    func write() {
        buffer.removeAll(keepingCapacity: buffer.capacity <= Self.keptByteCount)
        tap.take(into: &buffer)
        let outcome = file.append(buffer)
        if outcome.lost > 0 { tap.noteLoss(outcome.lost) }
        if outcome.rotationFailure != nil { tap.noteFailedRotation() }
        tell(outcome)
    }

    /// Opens what is at the path now.
    func reopen() {
        do throws(TranscriptRefusal) {
            try file.reopen()
        } catch {
            warn("the transcript goes on in the former file: \(file.path.escaped) cannot be opened: \(error)")
        }
    }

    // MARK: What is told

    /// A line when bytes begin to be lost, and one when that has ended.
    private func tell(_ outcome: TranscriptFile.Outcome) {
        if let failure = outcome.rotationFailure {
            warn("\(file.path.escaped) is full, and cannot be put aside: it is written on: \(failure)")
        }
        let lost = tap.counts.lost
        defer { toldCounts.lost = lost }
        guard lost == toldCounts.lost else {
            guard lossBegan == nil else { return }
            let reason = outcome.failure.map { "\($0)" } ?? "they come faster than they are written"
            // Without a line about the beginning there is none about the end.
            if warn("bytes of the guest are missing in \(file.path.escaped): \(reason)") { lossBegan = toldCounts.lost }
            return
        }
        guard let began = lossBegan, !buffer.isEmpty else { return }
        lossBegan = nil
        log.notice("\(file.path.escaped) is written again, after a gap of \(lost &- began) bytes")
    }

    @discardableResult
    private func warn(_ text: @autoclosure () -> String) -> Bool {
        guard let heldBack = limit.admit(now: MonotonicClock.nanoseconds()) else { return false }
        log.warning("\(text())\(heldBack > 0 ? " (\(heldBack) lines like it were held back)" : "")")
        return true
    }
}
