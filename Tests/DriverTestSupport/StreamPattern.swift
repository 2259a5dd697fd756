/// Bytes that tell where in a stream they belong, so that a lost, doubled or moved byte shows.
@safe
package enum StreamPattern {
    /// The eight bytes at stream position `8 * index`.
    @inline(__always)
    private static func word(_ index: UInt64) -> UInt64 {
        let mixed = (index &+ 0x1234_5678_9abc) &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ (mixed >> 29)
    }

    @inline(__always)
    private static func byte(_ position: UInt64) -> UInt8 {
        UInt8(truncatingIfNeeded: word(position / 8) >> (8 * (position % 8)))
    }

    /// Writes the bytes of the stream from `position` on.
    package static func fill(_ bytes: UnsafeMutableRawPointer, _ count: Int, at position: UInt64) {
        for index in 0..<count {
            unsafe bytes.storeBytes(of: byte(position + UInt64(index)), toByteOffset: index, as: UInt8.self)
        }
    }

    /// The stream position of the first byte that is not what it must be; nil when all are.
    package static func firstMismatch(_ bytes: UnsafeRawPointer, _ count: Int, at position: UInt64) -> UInt64? {
        for index in 0..<count
        where unsafe bytes.load(fromByteOffset: index, as: UInt8.self) != byte(position + UInt64(index)) {
            return position + UInt64(index)
        }
        return nil
    }
}
