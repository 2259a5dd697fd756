/// What happened to a port's bytes since the device began. The port contract lets bytes go in few places; each is
/// counted here.
///
/// Counted modulo 2^64: a guest can get there in hours with chains of 4 GiB that nobody reads, and must not end the
/// process by it.
public struct PortCounters: Equatable, Sendable {
    /// Bytes taken from the guest.
    public var toHostBytes: UInt64 = 0
    /// The chains that these bytes were in.
    public var toHostChains: UInt64 = 0
    /// Bytes that the guest got.
    public var toGuestBytes: UInt64 = 0
    /// The chains that these bytes went into.
    public var toGuestChains: UInt64 = 0
    /// Bytes taken from the guest and kept for a client, that went for newer ones.
    public var lostBytes: UInt64 = 0
    /// Bytes of the guest that were thrown away because nobody was there for them.
    public var unwantedBytes: UInt64 = 0
    /// Bytes of the guest that were for a client that has gone, or that reads no more.
    public var goneClientBytes: UInt64 = 0
    /// Bytes of the guest in chains that were too large for a record.
    public var oversizedToHostBytes: UInt64 = 0
    /// Bytes of clients in records that were too large for the guest.
    public var oversizedToGuestBytes: UInt64 = 0
    /// Bytes of clients that the guest did not get: it closed the port, or did not read them in time.
    public var unreadBytes: UInt64 = 0

    /// Bytes of the guest that it has back, whatever became of them.
    public var acceptedBytes: UInt64 {
        toHostBytes &+ unwantedBytes &+ goneClientBytes &+ oversizedToHostBytes
    }

    /// Bytes of the guest that nobody got.
    public var discardedBytes: UInt64 {
        lostBytes &+ unwantedBytes &+ goneClientBytes &+ oversizedToHostBytes
    }

    /// Makes counters of zero.
    public init() {}
}
