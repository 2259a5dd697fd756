/// Walking chains: every rule that a driver must obey is checked here, before one byte of the chain is touched.
extension VirtqueueLayout {
    /// Looks at the chain after the one looked at last, and appends the host memory of its buffers to `vectors`.
    ///
    /// Nothing is taken by it: ``rewind()`` forgets it. The whole chain is validated, the part that does not fit
    /// `vectors` too: every index is inside its table, it does not loop, readable buffers come before writable ones, it
    /// is shorter than 4 GiB, and every buffer lies in `memory` (it may span adjacent regions).
    ///
    /// - Parameters:
    ///   - rules: which half of the chain to map. Writable buffers of a transmitq's chain are left alone.
    ///   - offset: how many bytes of that half to leave out, because they were moved before.
    ///   - vectors: appended to as far as there is room; unchanged when this throws.
    ///   - memory: the table that the queue was started with.
    /// - Returns: nil when the driver has offered nothing more.
    /// - Throws: ``VirtqueueError``; the position is unchanged.
    /// - Source: virtio 1.3 §2.7.4.2, §2.7.5.2, §2.7.5.3, §2.7.6, §2.8.5 to §2.8.8.
    @inline(__always)
    mutating func next(
        _ rules: LookRules, offset: UInt32, into vectors: inout IOVectors, memory: borrowing GuestMemory
    ) throws(VirtqueueError) -> Chain? {
        guard try hasNext() else { return nil }
        let mark = vectors.mark
        var walk = ChainWalk(rules, offset: offset)
        let extent: ChainExtent
        do throws(VirtqueueError) {
            extent = try self.walk(&walk, &vectors, memory)
            guard walk.bytesToSkip == 0 else {
                throw .chainShorterThanTaken(byteCount: UInt32(truncatingIfNeeded: walk.wantedByteCount), taken: offset)
            }
        } catch {
            vectors.rollback(to: mark)
            throw error
        }
        pass(extent)
        // All fit: a chain is below 4 GiB, and no shorter than the offset.
        return Chain(
            extent: extent, wantedByteCount: UInt32(truncatingIfNeeded: walk.wantedByteCount) - offset,
            mappedByteCount: UInt32(truncatingIfNeeded: vectors.byteCount - mark.byteCount),
            descriptorCount: walk.descriptorCount)
    }
}
