import BasicContainers

/// Many chains for one system call.
extension Virtqueue {
    /// Enough descriptors for one batch. A guest may make chains of many descriptors and few bytes, or none.
    package static let descriptorsPerBatch = 4096

    /// Looks at the chains that one system call shall move, from the oldest on. Takes nothing.
    ///
    /// A broken chain behind good ones is left for the next turn: what came before it is served first.
    ///
    /// - Parameters:
    ///   - access: which half of the chains to map.
    ///   - batch: emptied, then filled.
    ///   - memory: the table that the queue was started with.
    ///   - offset: how many bytes of the oldest chain were moved before.
    ///   - byteLimit: enough bytes for one turn; the chain that passes it is still whole in the batch.
    ///   - chainLimit: no more chains than this.
    /// - Throws: ``VirtqueueError`` when already the oldest chain is broken: the queue must be stopped.
    public mutating func lookAhead(
        _ access: DescriptorAccess, into batch: inout ChainBatch, memory: borrowing GuestMemory, offset: UInt32 = 0,
        byteLimit: Int, chainLimit: Int = .max
    ) throws(VirtqueueError) {
        let rules = LookRules(
            access: access, allowsIndirect: hasIndirectDescriptors, offset: offset, byteLimit: byteLimit,
            chainLimit: chainLimit)
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            try queue.look(rules, into: &batch, memory: memory)
        case .packed(var queue):
            defer { layout = .packed(queue) }
            try queue.look(rules, into: &batch, memory: memory)
        }
    }

    /// Uses the chains whose readable bytes were all moved, the first `byteCount` of the batch's.
    ///
    /// - Returns: how many bytes of the chain behind them were moved, counted from where the batch began in it: the
    ///   caller adds it to that chain's offset.
    public mutating func pushConsumed(_ batch: borrowing ChainBatch, byteCount: Int) -> (chainCount: Int, rest: UInt32)
    {
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            return queue.useConsumed(batch, byteCount: byteCount)
        case .packed(var queue):
            defer { layout = .packed(queue) }
            return queue.useConsumed(batch, byteCount: byteCount)
        }
    }

    /// Uses the chains that the first `byteCount` bytes went into; the last one perhaps in part.
    ///
    /// Chains that no byte went into stay the driver's, but one of no bytes at all is used wherever it is met.
    ///
    /// - Returns: how many chains were used.
    @discardableResult
    public mutating func pushFilled(_ batch: borrowing ChainBatch, byteCount: Int) -> Int {
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            return queue.useFilled(batch, byteCount: byteCount)
        case .packed(var queue):
            defer { layout = .packed(queue) }
            return queue.useFilled(batch, byteCount: byteCount)
        }
    }

    /// Uses every chain of the batch with nothing written: what was wanted of them has been copied out, or is thrown
    /// away.
    ///
    /// - Returns: how many bytes were wanted of them, those too that found no room in the batch.
    @discardableResult
    public mutating func pushDiscarded(_ batch: borrowing ChainBatch) -> UInt64 {
        switch layout {
        case .split(var queue):
            defer { layout = .split(queue) }
            return queue.useAll(batch)
        case .packed(var queue):
            defer { layout = .packed(queue) }
            return queue.useAll(batch)
        }
    }
}

/// What a look at the ring wants.
struct LookRules {
    let access: DescriptorAccess
    /// Whether VIRTIO_F_INDIRECT_DESC was negotiated.
    let allowsIndirect: Bool
    /// How many bytes of the oldest chain were moved before.
    let offset: UInt32
    let byteLimit: Int
    let chainLimit: Int
}

/// The work on many chains, once for each layout.
extension VirtqueueLayout {
    @inline(__always)
    fileprivate mutating func look(
        _ rules: LookRules, into batch: inout ChainBatch, memory: borrowing GuestMemory
    ) throws(VirtqueueError) {
        rewind()
        batch.removeAll()
        while !batch.chains.isFull, batch.chains.count < rules.chainLimit, batch.vectors.byteCount < rules.byteLimit,
            batch.descriptorCount < Virtqueue.descriptorsPerBatch
        {
            let chain: Chain?
            do throws(VirtqueueError) {
                chain = try next(rules, offset: batch.isEmpty ? rules.offset : 0, into: &batch.vectors, memory: memory)
            } catch {
                guard !batch.isEmpty else { throw error }
                return
            }
            guard let chain else { return }
            batch.descriptorCount += chain.descriptorCount
            // One that found no room at all is for the next batch.
            guard chain.mappedByteCount > 0 || !chain.isCut else { return }
            batch.chains.append(chain)
            guard !chain.isCut else { return }
        }
    }

    @inline(__always)
    fileprivate mutating func useConsumed(
        _ batch: borrowing ChainBatch, byteCount: Int
    ) -> (chainCount: Int, rest: UInt32) {
        var left = byteCount
        var index = 0
        while index < batch.chains.count {
            let chain = batch.chains[index]
            guard left >= Int(chain.mappedByteCount), !chain.isCut else { break }
            left -= Int(chain.mappedByteCount)
            // Nothing was written into them: 0, whatever the length of what we read (§2.7.8).
            use(chain.extent, written: 0)
            index += 1
        }
        rewind()
        // Less than one chain, which is below 4 GiB.
        return (index, UInt32(truncatingIfNeeded: left))
    }

    @inline(__always)
    fileprivate mutating func useFilled(_ batch: borrowing ChainBatch, byteCount: Int) -> Int {
        var left = byteCount
        var index = 0
        while index < batch.chains.count {
            let chain = batch.chains[index]
            guard left > 0 || chain.mappedByteCount == 0 else { break }
            let written = min(left, Int(chain.mappedByteCount))
            left -= written
            use(chain.extent, written: UInt32(truncatingIfNeeded: written))
            index += 1
        }
        rewind()
        return index
    }

    @inline(__always)
    fileprivate mutating func useAll(_ batch: borrowing ChainBatch) -> UInt64 {
        var byteCount: UInt64 = 0
        for index in 0..<batch.chains.count {
            use(batch.chains[index].extent, written: 0)
            // At most 2^16 chains below 4 GiB.
            byteCount += UInt64(batch.chains[index].wantedByteCount)
        }
        rewind()
        return byteCount
    }
}
