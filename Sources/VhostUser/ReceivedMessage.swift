public import LinuxIO

/// One message as it came off the socket: framed, and not looked into.
///
/// It owns the fds that came with it; those that nobody takes are closed with it.
public struct ReceivedMessage: ~Copyable {
    /// The header.
    public let header: MessageHeader
    /// The bytes behind it; ``MessageChannel`` hands out as many as the header says.
    public let payload: [UInt8]
    /// The fds, in the order they were sent; none when some of them were lost on the way.
    public var descriptors: DescriptorList

    /// The message as it came, without its fds.
    public var wireBytes: [UInt8] {
        header.encoded + payload
    }

    /// Puts a message together.
    public init(header: MessageHeader, payload: [UInt8], descriptors: consuming DescriptorList) {
        self.header = header
        self.payload = payload
        self.descriptors = descriptors
    }
}
