/// The driver's half of a virtqueue, made for speed: buffers are described once and offered again and again.
///
/// A buffer is known by its slot, 0..<`size`; whoever offers a slot that the device has is at fault.
package protocol DriverRing: AnyObject {
    var size: Int { get }
    /// The areas' guest addresses: descriptors, the driver's, the device's.
    var areas: RingAreas { get }

    /// Describes the buffer of a slot. Several pieces become one descriptor that points to an indirect table.
    func describe(_ slot: Int, _ pieces: [BufferPiece]) throws

    /// Makes a slot's buffer available, as Linux does buffer by buffer.
    ///
    /// - Returns: whether the device wants a kick for it.
    func offer(_ slot: Int) -> Bool

    /// Takes back the next buffer that the device has used, and asks for an interrupt at the one behind it, as Linux
    /// does; nil when there is none.
    func takeUsed() -> UsedBuffer?
}

/// Where a ring's areas are.
package struct RingAreas {
    package var descriptors: UInt64
    package var driver: UInt64
    package var device: UInt64
}

/// One piece of a buffer.
package struct BufferPiece {
    package var address: UInt64
    package var byteCount: Int
    package var isWritable: Bool
}

/// A buffer that came back.
package struct UsedBuffer {
    package let slot: Int
    package let byteCount: Int
}

/// Flags of a descriptor, the same in both layouts (virtio 1.3 §2.7.5, §2.8.1).
enum DescriptorFlags {
    static let next: UInt16 = 1
    static let write: UInt16 = 2
    static let indirect: UInt16 = 4
}

/// Writes the fields of descriptors.
@safe
enum DescriptorWriter {
    /// Writes one descriptor of 16 bytes; the last two fields are `flags, next` in split rings, `id, flags` in packed.
    static func write(
        _ place: UnsafeMutableRawPointer, address: UInt64, byteCount: Int, _ third: UInt16, _ fourth: UInt16
    ) {
        unsafe place.storeBytes(of: address.littleEndian, as: UInt64.self)
        unsafe place.storeBytes(of: UInt32(byteCount).littleEndian, toByteOffset: 8, as: UInt32.self)
        unsafe place.storeBytes(of: third.littleEndian, toByteOffset: 12, as: UInt16.self)
        unsafe place.storeBytes(of: fourth.littleEndian, toByteOffset: 14, as: UInt16.self)
    }
}
