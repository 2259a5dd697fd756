/// Descriptors that came with one message, in the order of the sender. Those that nobody took are closed with the list.
public struct DescriptorList: ~Copyable, Sendable {
    /// The most descriptors a list holds: four times what the largest vhost-user message carries.
    public static let capacity = 32

    // Numbers and not owners: an inline array of ~Copyable elements cannot have holes. Slots 0 ..< count are owned.
    private var slots = InlineArray<32, Int32>(repeating: -1)

    /// How many descriptors are in the list.
    public private(set) var count = 0

    /// Makes an empty list. No allocation.
    public init() {}

    deinit {
        for index in 0..<count {
            _ = OwnedFileDescriptor(adopting: slots[index])
        }
    }

    /// Whether the list holds no descriptor.
    public var isEmpty: Bool { count == 0 }

    /// Adds a descriptor at the end.
    ///
    /// - Parameter descriptor: takes ownership. The list must not be full; ``UnixStream`` receives no more than there
    ///   is room for.
    public mutating func append(_ descriptor: consuming OwnedFileDescriptor) {
        precondition(count < Self.capacity, "a descriptor list is full")
        slots[count] = descriptor.release()
        count += 1
    }

    /// Takes the first descriptor out of the list.
    ///
    /// - Returns: the descriptor, now the caller's, or `nil` when the list is empty.
    /// - Complexity: O(count), at most 31 small moves.
    public mutating func takeFirst() -> OwnedFileDescriptor? {
        guard count > 0 else { return nil }
        let first = slots[0]
        count -= 1
        for index in 0..<count {
            slots[index] = slots[index + 1]
        }
        return OwnedFileDescriptor(adopting: first)
    }

    /// Closes every descriptor in the list and leaves it empty.
    public mutating func closeAll() {
        while let descriptor = takeFirst() {
            _ = consume descriptor
        }
    }
}
