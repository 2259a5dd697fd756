/// The bytes of an input, read as a program: what to do next, and with which numbers.
///
/// Behind the end there are zeros: a shorter input is the same program, cut.
public struct ByteSource {
    private let bytes: [UInt8]
    private var position = 0

    /// Reads from the first of `bytes` on.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Whether every byte was read.
    var isAtEnd: Bool {
        position >= bytes.count
    }

    mutating func next() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    /// The next integer, its lowest byte first.
    mutating func next<Value: FixedWidthInteger>(_ type: Value.Type) -> Value {
        var value: Value = 0
        for shift in stride(from: 0, to: Value.bitWidth, by: 8) {
            value |= Value(truncatingIfNeeded: next()) << shift
        }
        return value
    }

    /// A number from 0 to `count` - 1, of one byte.
    mutating func choose(_ count: Int) -> Int {
        Int(next()) % count
    }

    /// A number from 0 to `limit`.
    mutating func nextInt(upTo limit: Int) -> Int {
        Int(next(UInt32.self)) % (limit + 1)
    }

    mutating func choose<Element>(from elements: [Element]) -> Element {
        elements[choose(elements.count)]
    }

    mutating func nextBool() -> Bool {
        next() & 1 != 0
    }

    /// `count` bytes, fewer at the end.
    mutating func take(_ count: Int) -> [UInt8] {
        let end = min(position + count, bytes.count)
        defer { position = end }
        return Array(bytes[position..<end])
    }

    /// All that is left.
    mutating func takeRest() -> [UInt8] {
        take(bytes.count)
    }
}
