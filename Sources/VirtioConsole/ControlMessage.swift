/// A message of the control queues: `{ le32 id; le16 event; le16 value }` and, towards the guest, perhaps a tail.
///
/// Source: virtio 1.3 §5.3.6.2 (`struct virtio_console_control`).
public struct ControlMessage: Equatable, Sendable {
    /// The events, with the direction they go in.
    public enum Event: UInt16, Sendable {
        /// Guest → device: the driver is ready for ports, or (value 0) has failed.
        case deviceReady = 0
        /// Device → guest: there is a port.
        case portAdd = 1
        /// Device → guest: the port is gone.
        case portRemove = 2
        /// Guest → device: the port is set up, or (value 0) could not be.
        case portReady = 3
        /// Device → guest: the port is a console.
        case consolePort = 4
        /// Device → guest: the console has this size; two le16 follow.
        case resize = 5
        /// Both ways: the other side's program has opened (value 1) or closed the port.
        case portOpen = 6
        /// Device → guest: the port's name follows.
        case portName = 7
    }

    /// The size of the fixed part in bytes.
    public static let headerByteCount = 8

    /// The port number; meaningless in DEVICE_READY.
    public var portNumber: UInt32
    /// The event as it was on the wire: a guest may send any number.
    public var rawEvent: UInt16
    /// The event's value.
    public var value: UInt16

    /// Makes a message of a known event.
    public init(_ event: Event, port: Int, value: UInt16) {
        portNumber = UInt32(truncatingIfNeeded: port)
        rawEvent = event.rawValue
        self.value = value
    }

    /// Reads a message from the 8 bytes of its fixed part, little-endian in one word as they lie in memory.
    init(littleEndianWord: UInt64) {
        let word = UInt64(littleEndian: littleEndianWord)
        portNumber = UInt32(truncatingIfNeeded: word)
        rawEvent = UInt16(truncatingIfNeeded: word >> 32)
        value = UInt16(truncatingIfNeeded: word >> 48)
    }

    /// The event; nil for a number that the specification does not know.
    public var event: Event? {
        Event(rawValue: rawEvent)
    }

    /// Encodes the message.
    ///
    /// - Parameter tail: a name's or a size's bytes. A name goes without a NUL at its end: the specification has none,
    ///   and newer kernels take its length from the used length. (QEMU's own device appends one.)
    /// - Returns: the message as it is on the wire.
    public func encoded(tail: some Collection<UInt8> = []) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerByteCount + tail.count)
        bytes.appendLittleEndian(portNumber)
        bytes.appendLittleEndian(rawEvent)
        bytes.appendLittleEndian(value)
        bytes.append(contentsOf: tail)
        return bytes
    }
}

extension [UInt8] {
    /// Appends an integer, its lowest byte first.
    mutating func appendLittleEndian(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
}
