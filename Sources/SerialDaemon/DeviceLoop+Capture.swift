import BasicContainers
import VhostUser
import Virtio
import VirtioConsole

/// A capture, and which ports are still the ones it was started for.
struct RunningTap {
    let tap: CaptureTap
    /// Interfaces by port number.
    var ports: [Int: Int]
}

/// Copies for whoever watches. Ports that nobody watches are asked for with one bit.
extension DeviceLoop {
    mutating func startCapture(_ tap: CaptureTap) {
        taps.append(RunningTap(tap: tap, ports: tap.ports))
        findCapturedPorts()
    }

    mutating func stopCapture(_ number: Int) {
        taps.removeAll { $0.tap.number == number }
        findCapturedPorts()
    }

    /// The port goes: another one of its number is not what was asked for.
    mutating func stopCapturing(port: Int) {
        for index in taps.indices { taps[index].ports[port] = nil }
        findCapturedPorts()
    }

    private mutating func findCapturedPorts() {
        capturedPorts = PortSet()
        for running in taps {
            for port in running.ports.keys { capturedPorts.insert(port) }
        }
        capturesFrontend = taps.contains { $0.tap.frontend != nil }
    }

    /// The first bytes of the batch in hand have been moved.
    func capture(port: Int, _ direction: CaptureFormat.Direction, byteCount: Int) {
        guard byteCount > 0 else { return }
        for running in taps {
            guard let interface = running.ports[port] else { continue }
            running.tap.capture(batch.vectors, byteCount: byteCount, direction: direction, interface: interface)
        }
    }

    /// A message of the front-end came, or an answer to it goes.
    func captureMessage(_ bytes: [UInt8], _ direction: CaptureFormat.Direction) {
        for running in taps {
            guard let interface = running.tap.frontend else { continue }
            running.tap.capture(bytes, direction: direction, interface: interface)
        }
    }
}
