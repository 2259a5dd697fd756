/// Which of the process's threads a list of system calls is for.
package enum ThreadKind: CaseIterable, Sendable {
    /// The main thread before the others exist: what any of them may do, and what starting them takes.
    case starting
    /// The main thread from then on: signals, the log, and whatever an operator can reach.
    case control
    /// The thread that serves the guest, its front-end and the clients.
    case device
}
