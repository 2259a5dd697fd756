/// A batch of chains as it must be.
struct ModelBatch {
    private(set) var chains: [ModelChain] = []
    /// The pieces of all chains; those that follow each other are one.
    private(set) var pieces: [HostPiece] = []
    private(set) var byteCount = 0
    private(set) var descriptorCount = 0

    /// Takes a chain in as far as there is room; false when nothing more may follow.
    mutating func append(_ chain: ModelChain, pieceCapacity: Int) -> Bool {
        var chain = chain
        for piece in chain.pieces {
            guard append(piece, pieceCapacity: pieceCapacity) else { break }
            chain.mappedByteCount += piece.byteCount
        }
        descriptorCount += chain.descriptorCount
        guard chain.mappedByteCount > 0 || chain.wantedByteCount == 0 else { return false }
        chains.append(chain)
        return chain.mappedByteCount == chain.wantedByteCount
    }

    private mutating func append(_ piece: HostPiece, pieceCapacity: Int) -> Bool {
        if let last = pieces.last, last.address + UInt(last.byteCount) == piece.address {
            pieces[pieces.count - 1].byteCount += piece.byteCount
        } else {
            guard pieces.count < pieceCapacity else { return false }
            pieces.append(piece)
        }
        byteCount += piece.byteCount
        return true
    }
}
