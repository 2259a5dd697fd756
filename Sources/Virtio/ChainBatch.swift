import BasicContainers

/// A chain that was looked at: what a used entry needs to know of it.
struct Chain {
    let extent: ChainExtent
    /// How many of its bytes are wanted: those of the wanted half that were not moved before.
    let wantedByteCount: UInt32
    /// How many of these are in the batch's pieces: all, or what fitted.
    let mappedByteCount: UInt32
    /// How many descriptors were read for it.
    let descriptorCount: Int

    /// Whether more of it is wanted than what fitted.
    var isCut: Bool {
        mappedByteCount < wantedByteCount
    }
}

/// The chains of one turn that were looked at, and the host memory of their buffers.
///
/// Scratch: made once, filled by ``Virtqueue/lookAhead(_:into:memory:offset:byteLimit:chainLimit:)``, moved by one
/// system call, and used up by ``Virtqueue/pushConsumed(_:byteCount:)`` or ``Virtqueue/pushFilled(_:byteCount:)``. Its
/// pointers are dead after the turn.
public struct ChainBatch: ~Copyable {
    /// The buffers' host memory, in order.
    public internal(set) var vectors: IOVectors
    var chains: RigidArray<Chain>
    /// How many descriptors were read for the chains.
    public internal(set) var descriptorCount = 0

    /// Makes an empty batch.
    ///
    /// - Parameters:
    ///   - chainCapacity: how many chains one turn looks at, at most.
    ///   - pieceCapacity: how many pieces of memory, 1 to ``IOVectors/maximumCapacity``. Both bound a batch, not a
    ///     driver: a chain that has more pieces goes on in the next turn.
    public init(chainCapacity: Int, pieceCapacity: Int = IOVectors.maximumCapacity) {
        vectors = IOVectors(capacity: pieceCapacity)
        chains = RigidArray(capacity: chainCapacity)
    }

    /// How many chains were looked at.
    public var chainCount: Int {
        chains.count
    }

    /// How many bytes their buffers have.
    public var byteCount: Int {
        vectors.byteCount
    }

    /// Whether no chain was looked at.
    public var isEmpty: Bool {
        chains.isEmpty
    }

    /// Whether the last chain has more bytes than found room.
    public var isCut: Bool {
        chains.isEmpty ? false : chains[chains.count - 1].isCut
    }

    /// Forgets everything.
    mutating func removeAll() {
        vectors.removeAll()
        chains.removeAll()
        descriptorCount = 0
    }
}
