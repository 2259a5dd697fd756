import LinuxIO

/// What an event of the device thread's epoll is about: the typed form of an ``EventToken``.
enum EventSource {
    /// The control thread has put something into the mailbox.
    case mailbox
    /// A front-end wants to connect.
    case frontendListener
    /// The front-end's messages.
    case frontend(generation: UInt32)
    /// The driver has made chains available in a queue.
    case kick(queue: Int)
    /// Somebody may have come to a port's other side.
    case arrival(port: Int)
    /// A port's client: its socket, or what it is read from.
    case client(port: Int, generation: UInt32)
    /// What a client is written to, where that is another descriptor.
    case clientOutput(port: Int, generation: UInt32)
    /// Something is due.
    case timer

    private enum Kind: UInt8 {
        case mailbox, frontendListener, frontend, kick, arrival, client, clientOutput, timer
    }

    var token: EventToken {
        let (kind, index, generation): (Kind, Int, UInt32) =
            switch self {
            case .mailbox: (.mailbox, 0, 0)
            case .frontendListener: (.frontendListener, 0, 0)
            case .frontend(let generation): (.frontend, 0, generation)
            case .kick(let queue): (.kick, queue, 0)
            case .arrival(let port): (.arrival, port, 0)
            case .client(let port, let generation): (.client, port, generation)
            case .clientOutput(let port, let generation): (.clientOutput, port, generation)
            case .timer: (.timer, 0, 0)
            }
        return EventToken(kind: kind.rawValue, index: UInt16(truncatingIfNeeded: index), generation: generation)
    }

    init?(_ token: EventToken) {
        switch Kind(rawValue: token.kind) {
        case .mailbox: self = .mailbox
        case .frontendListener: self = .frontendListener
        case .frontend: self = .frontend(generation: token.generation)
        case .kick: self = .kick(queue: Int(token.index))
        case .arrival: self = .arrival(port: Int(token.index))
        case .client: self = .client(port: Int(token.index), generation: token.generation)
        case .clientOutput: self = .clientOutput(port: Int(token.index), generation: token.generation)
        case .timer: self = .timer
        case nil: return nil
        }
    }
}
