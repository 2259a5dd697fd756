public import Virtio

/// The console device's own feature bits. Source: virtio 1.3 §5.3.3.
extension VirtioFeatures {
    /// VIRTIO_CONSOLE_F_SIZE: sizes in the config space are valid, and RESIZE messages are heeded.
    public static let consoleSize = VirtioFeatures(rawValue: 1 << 0)
    /// VIRTIO_CONSOLE_F_MULTIPORT: more than one port, and the two control queues.
    public static let multiport = VirtioFeatures(rawValue: 1 << 1)
    /// VIRTIO_CONSOLE_F_EMERG_WRITE: a byte can be written to the config space before any queue exists.
    public static let emergencyWrite = VirtioFeatures(rawValue: 1 << 2)

    /// The names of the device's own bits, by bit.
    public static let consoleNames = [0: "console-size", 1: "multiport", 2: "emerg-write"]
}
