/// What QEMU must be told of the device, and what it is told by default.
struct DeviceSettings: Equatable {
    /// The daemon's --socket-path.
    var socketPath: String
    var maxPorts: Int
    /// Entries of each ring.
    var queueSize: Int

    /// QEMU's name of the device.
    static let driver = "vhost-user-test-device-pci"
    /// The first QEMU that has it.
    static let firstVersion = QEMUVersion(major: 10, minor: 2)
    /// A console device, in the numbers of virtio.
    static let virtioID = 3
    /// `cols`, `rows`, `max_nr_ports` and `emerg_wr` of virtio's section 5.3.4.
    static let configByteCount = 12
    /// More is not in vhost-user's message.
    static let maximumConfigByteCount = 256
    /// QEMU's VIRTQUEUE_MAX_SIZE.
    static let maximumQueueSize = 1024
    /// What `--max-ports` of the daemon is without being said, and what it can be.
    static let defaultMaxPorts = 31
    static let maximumMaxPorts = 127

    /// Two rings for each port, and two for control.
    static func queueCount(maxPorts: Int) -> Int { 2 * (maxPorts + 1) }

    /// The value of `-chardev`.
    var chardev: String { "socket,id=vus,path=\(Self.doublingCommas(socketPath))" }

    /// The value of `-device`.
    var device: String {
        "\(Self.driver),chardev=vus,virtio-id=\(Self.virtioID),num_vqs=\(Self.queueCount(maxPorts: maxPorts)),"
            + "vq_size=\(queueSize),config_size=\(Self.configByteCount)"
    }

    /// A comma in a value of QEMU's options is two.
    private static func doublingCommas(_ text: String) -> String {
        text.split(separator: ",", omittingEmptySubsequences: false).joined(separator: ",,")
    }
}
