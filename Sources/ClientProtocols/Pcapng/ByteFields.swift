/// Which byte of a number comes first.
enum ByteOrder {
    case littleEndian, bigEndian
}

/// Numbers and texts that follow each other in a block of bytes, and never go beyond its end.
struct ByteFields {
    private var rest: ArraySlice<UInt8>
    let order: ByteOrder

    init(_ bytes: ArraySlice<UInt8>, _ order: ByteOrder) {
        rest = bytes
        self.order = order
    }

    /// How many bytes are left.
    var count: Int { rest.count }

    /// What is left.
    var remaining: ArraySlice<UInt8> { rest }

    /// The next number.
    mutating func read<Value: FixedWidthInteger & UnsignedInteger>(
        _: Value.Type
    ) throws(PcapngError) -> Value {
        let bytes = try read(byteCount: Value.bitWidth / 8)
        func value(_ bytes: some Sequence<UInt8>) -> Value { bytes.reduce(0) { $0 << 8 | Value($1) } }
        return order == .bigEndian ? value(bytes) : value(bytes.reversed())
    }

    mutating func skip(_ byteCount: Int) throws(PcapngError) { _ = try read(byteCount: byteCount) }

    /// Bytes, and what fills them up to a multiple of four.
    mutating func readPadded(_ byteCount: Int) throws(PcapngError) -> ArraySlice<UInt8> {
        let bytes = try read(byteCount: byteCount)
        try skip((4 - byteCount % 4) % 4)
        return bytes
    }

    /// The next option of a block; nil at the end of the options, which need not be marked.
    mutating func readOption() throws(PcapngError) -> (code: UInt16, value: ArraySlice<UInt8>)? {
        guard !rest.isEmpty else { return nil }
        let code = try read(UInt16.self)
        let byteCount = Int(try read(UInt16.self))
        return code == 0 ? nil : (code, try readPadded(byteCount))
    }

    private mutating func read(byteCount: Int) throws(PcapngError) -> ArraySlice<UInt8> {
        guard byteCount <= rest.count else { throw .cutOff }
        let bytes = rest.prefix(byteCount)
        rest = rest.dropFirst(byteCount)
        return bytes
    }
}
