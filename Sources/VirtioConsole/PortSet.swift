/// A set of port numbers, 0 to 127, in one register.
public struct PortSet: Equatable, Sendable {
    private var bits: UInt128 = 0

    /// The empty set.
    public init() {}

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
