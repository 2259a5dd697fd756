/// A running queue at one moment, for whoever looks after the VM.
public struct VirtqueueStatus: Equatable, Sendable {
    /// The number of entries.
    public let size: Int
    /// Whether it has the packed layout, and not the split one.
    public let isPacked: Bool
    /// Of the next chain to be used: the free-running index of a split ring, the slot of a packed one.
    public let position: Int
    /// Chains that the driver has offered and that were not used yet; 0 when the driver says nonsense.
    public let waitingCount: Int
}

extension Virtqueue {
    /// Where the queue stands. Reads the driver's side; walks a packed ring.
    public mutating func status() -> VirtqueueStatus {
        let waitingCount = (try? availableCount()) ?? 0
        return switch layout {
        case .split:
            VirtqueueStatus(
                size: size, isPacked: false, position: Int(base & 0xffff), waitingCount: waitingCount)
        case .packed:
            // The wrap counter is bit 15.
            VirtqueueStatus(size: size, isPacked: true, position: Int(base & 0x7fff), waitingCount: waitingCount)
        }
    }
}
