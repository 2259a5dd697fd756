/// What one attempt to move bytes came to. All of these are ordinary; what is not is thrown as ``SystemError``.
public enum IOOutcome: Equatable, Sendable {
    /// So many bytes were moved, possibly fewer than asked for, and 0 only when none were asked for.
    case bytes(Int)

    /// Nothing could be moved now: the peer sent nothing, or its buffer is full. Wait for readiness. `EAGAIN`.
    case wouldBlock

    /// Receiving only: the peer sends no more, and everything it sent was received.
    case endOfFile

    /// Sending: the peer reads no more (`EPIPE`, `ECONNRESET`); what it sent can still be received. Receiving: the peer
    /// closed its end with bytes of ours unread (`ECONNRESET`); everything it sent was received.
    case reset
}
