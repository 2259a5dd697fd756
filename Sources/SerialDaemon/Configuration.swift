package import LinuxIO
package import Logging
package import Sandbox
package import VirtioConsole

/// Everything one daemon process needs to know, checked and complete.
///
/// Plain values without parsing: ``OperatorSettings`` makes one, of what the command line and a configuration file say.
package struct DaemonConfiguration: Equatable, Sendable {
    /// Where the front-end (the VMM) is met.
    package var frontend: FrontendSource
    /// The directory of port sockets without a path of their own; `nil` only when every port has one.
    package var socketDirectory: String?
    /// The numeric group that owns the sockets; `nil` leaves them to the daemon's own group and mode 0600.
    package var socketGroup: UInt32?
    /// The device's `max_nr_ports`, 1 … ``maximumPortLimit``. It fixes the number of queues, ``queueCount``.
    package var maxPorts: Int
    /// In the operator's order; names, numbers and addresses are unique, numbers are below ``maxPorts``.
    package var ports: [PortConfiguration]
    /// Where an operator's programs connect to; `nil` is nowhere.
    package var controlAddress: UnixAddress?
    /// The file that the metrics are written to; `nil` is none.
    package var metricsPath: String?
    /// Where captures may be written; `nil` is nowhere.
    package var captureDirectory: String?
    /// Whether guests may use packed rings, which they then do.
    package var offersPackedRings = false
    /// How long the device thread may ask for work before it sleeps, in nanoseconds; 0 is not at all.
    package var pollingNanoseconds: UInt64 = 0
    /// What the process is shut in by, once its sockets are open.
    package var sandbox = SandboxOptions()
    /// Lines below this level are not written.
    package var logLevel: Logger.Level

    /// The most ports a vhost-user device can have: a ring index is 8 bits, and the control queues take two of the 256.
    package static let maximumPortLimit = QueueRole.largestMaxPorts
    /// The longest `--poll-us`, in microseconds. More is no polling but a processor given away.
    package static let maximumPollingMicroseconds = 1000
    /// QEMU's own default for virtio-serial.
    package static let defaultMaxPorts = 31

    /// The number of virtqueues: two per port number, and the two control queues.
    package var queueCount: Int { QueueRole.queueCount(maxPorts: maxPorts) }

    /// The permission bits of every socket file the daemon makes.
    package var socketMode: UInt16 { socketGroup == nil ? 0o600 : 0o660 }
}

/// Where the vhost-user connection comes from.
package enum FrontendSource: Equatable, Sendable {
    /// Listen at this address; the front-end connects.
    case listen(UnixAddress)
    /// A descriptor that the process was started with: a listening or a connected socket, told apart by SO_ACCEPTCONN.
    case inherited(Int32)
}

/// One guest port and what it is bound to on the host.
package struct PortConfiguration: Equatable, Sendable {
    /// What the guest sees as `/dev/virtio-ports/NAME`; accepted by ``PortName/problem(with:)``.
    package var name: String
    /// The id of the port in control messages and, mapped, of its queues; 0 … `maxPorts` − 1.
    package var number: Int
    /// A console (`/dev/hvcN` in the guest) and not a generic port.
    package var isConsole: Bool
    /// What it is bound to on the host.
    package var endpoint: EndpointConfiguration
    /// What a console is told about its size; always `nil` for a generic port.
    package var size: ConsoleSize?
    /// In which order a size is sent to the guest.
    package var resizeOrder: ResizeOrder
    /// What happens to the guest's bytes without a client. Never ``ClientsAbsent/block`` for a console.
    package var clientsAbsent: ClientsAbsent
    /// The most bytes kept for the next client, with ``ClientsAbsent/buffer``.
    package var bufferByteCount: Int
    /// What a connected client sees when the guest closes the port.
    package var guestClose: GuestClose
    /// How long the bytes of a client that has gone may wait for the guest; `nil` is without end.
    package var lingerNanoseconds: UInt64?
    /// How soon after its driver's start the guest is expected to open the port; `nil` is not at all.
    package var expectOpenNanoseconds: UInt64?
    /// Who may be a client.
    package var peerPolicy = PeerPolicy()
    /// Owner, group and mode of what is made for the port.
    package var access = EndpointAccess()
    /// How many clients it may have at once, and how many of them may write; those who came first.
    package var clientLimit = 1
    package var writerLimit = 1
    /// How many of the newest bytes a client that comes is shown, whoever has had them.
    package var scrollbackByteCount = 0
    /// Whether the front-end is to wait until the first client is there.
    package var waitsForClient = false
    /// How many bytes each direction may move in a second; `nil` is without bound. Never for a console.
    package var bytesPerSecond: Int?
    /// Where what the guest writes is kept; `nil` is nowhere.
    package var transcript: TranscriptSettings?
}

/// What happens to the guest's bytes while no client is connected.
package enum ClientsAbsent: String, CaseIterable, Sendable {
    /// The guest is told that nobody listens, and its writers wait.
    case block
    /// The newest bytes are kept for the next client, and the guest always sees an open port.
    case buffer
    /// The bytes are thrown away, and the guest always sees an open port.
    case discard
}

/// What a connected client sees when the guest closes the port, after all data.
package enum GuestClose: String, CaseIterable, Sendable {
    /// Nothing, as with QEMU.
    case keep
    /// End of file: it can still send.
    case eof
    /// The end of the connection.
    case disconnect
}
