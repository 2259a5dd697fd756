/// What a guest's driver can do wrong on a ring. The ring is broken then and is served no more; everything else goes
/// on.
public enum VirtqueueError: Error, Equatable, Sendable {
    /// The ring size is 0 or over 32768, or in a split ring no power of two (virtio 1.3 §2.7, §2.8.10).
    case badSize(UInt32)
    /// A part of the ring is not aligned as §2.7 asks.
    case misaligned(RingArea, address: UInt64)
    /// A part of the ring is not, or not wholly, in memory that the front-end shared.
    case ringOutsideMemory(RingArea, address: UInt64)
    /// No ring of this size and layout can go on there (SET_VRING_BASE).
    case badBase(UInt32)
    /// The available index is further ahead of us than the ring has entries.
    case availableIndexTooFarAhead(UInt16, position: UInt16, size: UInt16)
    /// An entry of the available ring names no descriptor.
    case headOutOfRange(UInt16, size: UInt16)
    /// A chain of a packed ring has an id that no chain can have.
    case bufferIDOutOfRange(UInt16, size: UInt16)
    /// A descriptor in the midst of a packed ring's chain is not available although the first one is (§2.8.21).
    case chainNotWhollyAvailable(slot: UInt16)
    /// A descriptor's `next` is outside its table.
    case nextOutOfRange(UInt16, tableCount: Int)
    /// The chain has more descriptors than its table: it loops (§2.7.5.2).
    case chainTooLong(tableCount: Int)
    /// An indirect descriptor although VIRTIO_F_INDIRECT_DESC was not negotiated.
    case indirectNotNegotiated
    /// An indirect descriptor that says it goes on, or one inside an indirect table (§2.7.5.3.1).
    case indirectNotLast
    /// An indirect descriptor behind others of a packed ring's chain (§2.8.19); in a split ring it may be there.
    case indirectNotFirst
    /// An indirect table of no entries, of a broken one, or of more than ``Virtqueue/maximumIndirectCount``.
    case badIndirectTable(byteCount: UInt32)
    /// A buffer for us to read behind one for us to write (§2.7.4.2).
    case readableAfterWritable
    /// A buffer for us to read in a queue of buffers for us to write.
    case readableInReceiveQueue
    /// The buffers of one chain are 4 GiB or more together (§2.7.5.2).
    case chainTooLarge
    /// A buffer or an indirect table lies outside the memory that the front-end shared.
    case bufferOutsideMemory(GuestAddress, byteCount: UInt32)
    /// A chain offered again after a stop is shorter than what was taken from it before.
    case chainShorterThanTaken(byteCount: UInt32, taken: UInt32)
    /// A buffer of the control receiveq that is smaller than the message for it.
    case controlBufferTooSmall(byteCount: Int, neededByteCount: Int)
    /// The memory went away under us: the file behind it was truncated, or a page of it is damaged.
    case memoryGone
}

/// The three parts of a ring, by their names in a split one.
public enum RingArea: String, Sendable {
    /// The descriptor table; a packed ring's descriptor ring.
    case descriptorTable = "descriptor table"
    /// The available ring, written by the driver; a packed ring's driver area.
    case availableRing = "available ring"
    /// The used ring, written by us; a packed ring's device area.
    case usedRing = "used ring"
}

extension VirtqueueError: CustomStringConvertible {
    /// One sentence for the log.
    public var description: String {
        switch self {
        case .badSize(let size):
            "a ring cannot have the size \(size)"
        case .misaligned(let area, let address):
            "the \(area.rawValue) at \(hex(address)) is misaligned"
        case .ringOutsideMemory(let area, let address):
            "the \(area.rawValue) at \(hex(address)) is not in shared memory"
        case .badBase(let base):
            "the ring cannot go on at \(hex(UInt64(base)))"
        case .availableIndexTooFarAhead(let index, let position, let size):
            "the available index \(index) is more than \(size) ahead of \(position)"
        case .headOutOfRange(let head, let size):
            "the available ring names descriptor \(head) of \(size)"
        case .bufferIDOutOfRange(let id, let size):
            "a chain has the id \(id) of \(size)"
        case .chainNotWhollyAvailable(let slot):
            "a chain is available, and its descriptor in slot \(slot) is not"
        case .nextOutOfRange(let next, let tableCount):
            "a descriptor goes on in \(next) of \(tableCount)"
        case .chainTooLong(let tableCount):
            "a chain has more than the \(tableCount) descriptors of its table"
        case .indirectNotNegotiated:
            "an indirect descriptor without the feature for it"
        case .indirectNotLast:
            "an indirect descriptor that goes on, or inside an indirect table"
        case .indirectNotFirst:
            "an indirect descriptor behind others of its chain in a packed ring"
        case .badIndirectTable(let byteCount):
            "an indirect table of \(byteCount) bytes"
        case .readableAfterWritable:
            "a readable buffer behind a writable one"
        case .readableInReceiveQueue:
            "a readable buffer in a receive queue"
        case .chainTooLarge:
            "a chain of 4 GiB or more"
        case .bufferOutsideMemory(let address, let byteCount):
            "a buffer of \(byteCount) bytes at guest address \(hex(address.rawValue)) is not in shared memory; "
                + "memory without share=on (a hot-plugged memory-backend-ram, for one) cannot be reached from here"
        case .chainShorterThanTaken(let byteCount, let taken):
            "a chain offered again has \(byteCount) bytes, of which \(taken) were taken before"
        case .controlBufferTooSmall(let byteCount, let neededByteCount):
            "a control buffer of \(byteCount) bytes for a message of \(neededByteCount)"
        case .memoryGone:
            "guest memory went away: its file was truncated or its pages are damaged"
        }
    }
}
