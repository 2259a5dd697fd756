/// What has to happen outside the session because of a message.
///
/// The session decides, the caller performs: it owns the running queues, the epoll set and the device. When it has
/// performed the effect, and sent the answer that the effect itself asks for,
/// ``VhostUserSession/acknowledgement(for:succeeded:)`` says whether an acknowledgement is due.
public enum SessionEffect: Equatable, Sendable {
    /// Nothing.
    case none
    /// Send this.
    case reply(Reply)
    /// Compare whether ring `index` runs with ``VringConfiguration/isRunnable``, and start or stop it.
    ///
    /// Its kick may be another one than before, also when it goes on running: take
    /// ``VhostUserSession/replacedKickDescriptor`` out of the epoll set and put ``VhostUserSession/kickDescriptor(_:)``
    /// in.
    case ringChanged(Int)
    /// As ``ringChanged(_:)``, for every ring; no kick changed.
    case allRingsChanged
    /// The memory table is another one. Every pointer into the former is dead: take the position of each running queue
    /// without touching its ring any more, hand it to ``VhostUserSession/ringStopped(_:base:)``, and activate anew. A
    /// ring whose addresses are found no more is broken; one that was broken may be found now.
    case memoryChanged
    /// Stop ring `index` if it runs and hand its position to ``VhostUserSession/ringStopped(_:base:)``; take its kick
    /// out of the epoll set; then send what ``VhostUserSession/answerVringBase(_:)`` gives.
    case stopRing(Int)
    /// Send a `Reply.config(offset:byteCount:bytes:)` with these two and what the config space holds there.
    case readConfig(offset: Int, byteCount: Int)
    /// Write to the config space: the bytes lie inside it. The guest writes, or the front-end does at the end of a
    /// migration, which may also write what a guest may only read.
    case writeConfig(offset: Int, bytes: [UInt8], isMigration: Bool)
    /// The device was reset: compare every ring as in ``allRingsChanged``, then forget what the guest had set up.
    case reset
}
