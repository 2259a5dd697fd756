package import ControlProtocol
package import LinuxIO
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

/// A port to be added, with the socket that the control thread has made for it.
///
/// ## Concurrency
/// Made on the control thread; the device thread takes the listener out, once.
package final class PortAddition: Sendable {
    package let configuration: PortConfiguration
    private let listener: Mutex<UnixListener?>

    package init(_ configuration: PortConfiguration, listener: consuming sending UnixListener) {
        self.configuration = configuration
        self.listener = Mutex(consume listener)
    }

    /// The listener; nil the second time.
    func takeListener() -> sending UnixListener? {
        listener.withLock { $0.take() }
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
