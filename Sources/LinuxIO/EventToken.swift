/// What an event of ``Epoll`` says about where it came from: three numbers of the caller's choice in the 64 bits that
/// the kernel keeps.
///
/// The generation is what makes a stale event harmless. One `epoll_wait(2)` returns many events; acting on the first
/// may close the descriptor that a later one speaks of, and another may have taken its number or slot since. The caller
/// gives each user of a slot a new generation and drops events with an old one.
public struct EventToken: Equatable, Hashable, Sendable {
    /// What sort of thing the event is about.
    public let kind: UInt8

    /// Which of that sort, for instance a ring or a port.
    public let index: UInt16

    /// Which user of this kind and index.
    public let generation: UInt32

    /// Makes a token.
    public init(kind: UInt8, index: UInt16, generation: UInt32) {
        self.kind = kind
        self.index = index
        self.generation = generation
    }

    /// Unpacks a token: bits 0…31 generation, 32…47 index, 48…55 kind; the others are not looked at.
    public init(rawValue: UInt64) {
        self.init(
            kind: UInt8(truncatingIfNeeded: rawValue >> 48), index: UInt16(truncatingIfNeeded: rawValue >> 32),
            generation: UInt32(truncatingIfNeeded: rawValue))
    }

    /// The token packed into 64 bits, as ``init(rawValue:)`` reads it.
    public var rawValue: UInt64 { UInt64(kind) << 48 | UInt64(index) << 32 | UInt64(generation) }
}
