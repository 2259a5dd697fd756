/// What a port is, as the guest gets to know it.
public struct PortDescription: Equatable, Sendable {
    /// The name that udev makes `/dev/virtio-ports/NAME` of.
    public var name: String
    /// Whether the guest shall make it a console (hvc).
    public var isConsole: Bool
    /// The size that the guest's console has at first; nil says nothing about it.
    public var size: ConsoleSize?
    /// How the size is told.
    public var resizeOrder: ResizeOrder

    /// Describes a port.
    public init(
        name: String, isConsole: Bool = false, size: ConsoleSize? = nil, resizeOrder: ResizeOrder = .columnsFirst
    ) {
        self.name = name
        self.isConsole = isConsole
        self.size = size
        self.resizeOrder = resizeOrder
    }

    /// The size, when the guest is told one.
    var toldSize: ConsoleSize? {
        resizeOrder == .off ? nil : size
    }

    /// The longest name in bytes: with its 8-byte header it must fit the 4096-byte buffers that Linux posts for control
    /// messages.
    public static let maximumNameByteCount = 4096 - ControlMessage.headerByteCount
}
