/// An address in guest-physical memory, in bytes: what descriptors carry.
public struct GuestAddress: RawRepresentable, Hashable, Sendable {
    /// The guest-physical address.
    public let rawValue: UInt64

    /// Wraps a guest-physical address.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Wraps a guest-physical address.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}

/// An address in the front-end's own virtual memory, in bytes: what SET_VRING_ADDR carries.
///
/// A type of its own, because a front-end's address handed to a guest-physical lookup finds the wrong bytes, and
/// nothing else would notice.
public struct UserAddress: RawRepresentable, Hashable, Sendable {
    /// The front-end's virtual address.
    public let rawValue: UInt64

    /// Wraps a virtual address of the front-end.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Wraps a virtual address of the front-end.
    public init(_ rawValue: UInt64) {
        self.rawValue = rawValue
    }
}
