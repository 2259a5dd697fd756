import LinuxIO

/// Wakes the control thread when some transcript begins to wait: one for all, since whoever is woken looks at each.
///
/// ## Concurrency
/// Any thread may call anything.
final class TranscriptSignal: Sendable {
    private let event: EventFileDescriptor

    init() throws(SystemError) {
        event = try EventFileDescriptor()
    }

    /// Readable when something waits. Borrowed.
    var descriptor: Int32 { event.rawValue }

    func raise() { event.signalOwn() }
    func lower() { event.drainOwn() }
}
