/// A set of port numbers, 0 to 127, in one register.
public struct PortSet: Equatable, Sendable {
    private var bits: UInt128 = 0

    /// The empty set.
    public init() {}

    private init(bits: UInt128) {
        self.bits = bits
    }

    /// Whether there is no port in it.
    public var isEmpty: Bool {
        bits == 0
    }

    /// Whether `port` is in it; false for a number that no port can have.
    public func contains(_ port: Int) -> Bool {
        bits & Self.bit(port) != 0
    }

    /// Adds `port`, 0 to 127; any other number is left out.
    public mutating func insert(_ port: Int) {
        bits |= Self.bit(port)
    }

    /// Takes `port` out.
    public mutating func remove(_ port: Int) {
        bits &= ~Self.bit(port)
    }

    /// The lowest port.
    public var first: Int? {
        isEmpty ? nil : bits.trailingZeroBitCount
    }

    /// The lowest port above `port`, or else the lowest.
    public func first(after port: Int) -> Int? {
        let above = bits & ~((Self.bit(port) << 1) &- 1)
        return above == 0 ? first : above.trailingZeroBitCount
    }

    /// Those of this set that are not in `other`.
    public func subtracting(_ other: PortSet) -> PortSet {
        PortSet(bits: bits & ~other.bits)
    }

    /// Those of this set that are in `other` too.
    public func intersection(_ other: PortSet) -> PortSet {
        PortSet(bits: bits & other.bits)
    }

    /// Takes out the lowest port.
    public mutating func popFirst() -> Int? {
        guard let port = first else { return nil }
        remove(port)
        return port
    }

    /// Smart shifts: a number outside 0...127 gives no bit.
    private static func bit(_ port: Int) -> UInt128 {
        port < 0 ? 0 : UInt128(1) << port
    }
}
