/// Takes integers off the front of a payload, in the byte order of the host.
struct PayloadReader {
    private let bytes: [UInt8]
    private var offset = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// The next integer, or nil when fewer bytes are left than it has; then nothing is taken.
    mutating func next<Value: FixedWidthInteger & UnsignedInteger>(_: Value.Type) -> Value? {
        let byteCount = Value.bitWidth / 8
        guard bytes.count - offset >= byteCount else { return nil }
        var value: Value = 0
        for index in 0..<byteCount {
            value |= Value(bytes[offset + index]) << (8 * index)
        }
        offset += byteCount
        // What was put together least byte first is the host's own order on a little-endian host, and its reverse on
        // the others.
        return Value(littleEndian: value)
    }

    /// Everything that is left.
    var rest: [UInt8] {
        Array(bytes[offset...])
    }
}

extension [UInt8] {
    /// Appends an integer in the byte order of the host.
    mutating func append<Value: FixedWidthInteger & UnsignedInteger>(native value: Value) {
        let littleEndian = value.littleEndian
        for index in 0..<Value.bitWidth / 8 {
            append(UInt8(truncatingIfNeeded: littleEndian >> (8 * index)))
        }
    }
}
