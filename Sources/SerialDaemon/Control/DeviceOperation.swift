package import ControlProtocol
import LinuxIO
import Synchronization

/// What an operator can ask of the device while it runs. The control thread has checked what can be checked; the device
/// thread does it between two pieces of its work.
package enum DeviceOperation: Sendable {
    /// Everything that is known of device and ports.
    case takeSnapshot
    case addPort(PortAddition)
    /// By number.
    case removePort(Int)
    /// The port of the same number is to be like this from now on; its name, kind and address are as they were.
    case changePort(PortConfiguration)
    case disconnectClient(port: Int)
    case startCapture(CaptureTap)
    /// By number.
    case stopCapture(Int)
}

/// What came of it.
package enum DeviceAnswer: Sendable {
    case done
    case snapshot(DeviceSnapshot)
    /// Nothing was done; one sentence for the operator.
    case refused(String)
}

/// A port to be added, with what the control thread has opened for it.
///
/// ## Concurrency
/// Made on the control thread; the device thread takes the binding out, once.
package final class PortAddition: Sendable {
    package let configuration: PortConfiguration
    let transcript: TranscriptTap?
    private let binding: Mutex<PortBinding?>

    package init(
        _ configuration: PortConfiguration, binding: consuming sending PortBinding, transcript: TranscriptTap? = nil
    ) {
        self.configuration = configuration
        self.transcript = transcript
        self.binding = Mutex(consume binding)
    }

    /// The binding; nil the second time.
    func takeBinding() -> sending PortBinding? {
        binding.withLock { $0.take() }
    }
}

/// A connection that the control thread has made for a port.
///
/// ## Concurrency
/// Made on the control thread; the device thread takes the socket out, once.
package final class ClientArrival: Sendable {
    /// The port's number, and its name: another port may have the number by now.
    let port: Int
    let name: String
    private let stream: Mutex<UnixStream?>

    init(port: Int, name: String, _ stream: consuming sending UnixStream) {
        self.port = port
        self.name = name
        self.stream = Mutex(consume stream)
    }

    /// The socket; nil the second time.
    func takeStream() -> sending UnixStream? {
        stream.withLock { $0.take() }
    }
}

/// The device and its ports at one moment.
package struct DeviceSnapshot: Sendable {
    package var frontend: FrontendStatus?
    package var isDriverReady: Bool
    /// By number.
    package var ports: [PortSnapshot]

    package init(frontend: FrontendStatus?, isDriverReady: Bool, ports: [PortSnapshot]) {
        self.frontend = frontend
        self.isDriverReady = isDriverReady
        self.ports = ports
    }
}

/// One port: what `query-ports` answers, and what only the metrics have.
package struct PortSnapshot: Sendable {
    package var status: PortStatus
    var latency: LatencyHistogram
}
