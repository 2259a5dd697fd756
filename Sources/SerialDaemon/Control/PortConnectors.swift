import LinuxIO
import Logging
import SystemPackage
import VirtioConsole

/// Connects ports to sockets that others listen on, and tries again while nobody does.
///
/// On the control thread: the device thread makes no socket, and hands out no wait that an operator's program decides
/// on.
final class PortConnectors {
    private struct Attempt {
        /// How long the last pause was; nil before the first.
        var pause: UInt64?
        /// When it is time, in monotonic nanoseconds; nil while the port has somebody.
        var due: UInt64?
        /// When the last connection was made.
        var connected: UInt64?
        /// Whether it was said that nobody listens.
        var hasComplained = false
    }

    private let catalogue: PortCatalogue
    private let mailbox: DeviceMailbox
    private let log: Logger
    private let timer: TimerFileDescriptor
    /// Where the ports that the daemon starts with connect to, as it is seen from any working directory and root.
    private let addresses: [UnixAddress: UnixAddress]
    /// By port number.
    private var attempts: [Int: Attempt] = [:]

    /// Before the sandbox: paths mean then what they meant to the operator.
    init(catalogue: PortCatalogue, mailbox: DeviceMailbox, log: Logger) throws(SystemError) {
        self.catalogue = catalogue
        var addresses: [UnixAddress: UnixAddress] = [:]
        for port in catalogue.ports {
            guard case .connector(.path(let path), _, _) = port.endpoint else { continue }
            addresses[.path(path)] = try? UnixAddress(CanonicalPath.resolveDirectory(of: path))
        }
        self.addresses = addresses
        self.mailbox = mailbox
        self.log = log
        timer = try TimerFileDescriptor()
    }

    /// Readable when it is time. Borrowed.
    var descriptor: Int32 { timer.rawValue }

    /// The device thread wants somebody at these ports.
    func want(_ ports: PortSet) throws(SystemError) {
        let now = MonotonicClock.nanoseconds()
        var ports = ports
        while let port = ports.popFirst() {
            guard let delay = delay(of: port) else { continue }
            var attempt = attempts[port] ?? Attempt()
            // Somebody who accepts and closes at once is not asked again at once.
            if let connected = attempt.connected, now &- connected < delay.longestNanoseconds {
                attempt.pause = delay.following(attempt.pause)
                attempt.due = now &+ (attempt.pause ?? 0)
            } else {
                attempt = Attempt(due: now)
            }
            attempts[port] = attempt
        }
        try connectDue()
    }

    /// Does what is due, and sets the timer for what is next.
    func connectDue() throws(SystemError) {
        _ = try timer.drain()
        let now = MonotonicClock.nanoseconds()
        for (port, attempt) in attempts {
            guard let due = attempt.due, due <= now else { continue }
            connect(port, attempt, now: now)
        }
        guard let next = attempts.values.compactMap(\.due).min() else { return }
        try timer.arm(afterNanoseconds: max(1, next > now ? next - now : 1))
    }

    private func delay(of port: Int) -> EndpointConfiguration.ReconnectDelay? {
        guard case .connector(_, _, let delay)? = catalogue.port(number: port)?.endpoint else { return nil }
        return delay
    }

    private func connect(_ port: Int, _ former: Attempt, now: UInt64) {
        // Removed in the meantime.
        guard let configuration = catalogue.port(number: port),
            case .connector(let address, let type, let delay) = configuration.endpoint
        else {
            attempts[port] = nil
            return
        }
        var attempt = former
        do {
            let stream = try UnixStream.connect(to: addresses[address] ?? address, type: type)
            attempt.due = nil
            attempt.connected = now
            attempt.hasComplained = false
            attempts[port] = attempt
            let arrival = ClientArrival(port: port, name: configuration.name, stream)
            mailbox.send(.admit(arrival))
        } catch {
            if !attempt.hasComplained {
                attempt.hasComplained = true
                log.notice("waiting for \(address): \(error)", metadata: ["port": "\(configuration.name)"])
            }
            attempt.pause = delay.following(attempt.pause)
            attempt.due = now &+ (attempt.pause ?? 0)
            attempts[port] = attempt
        }
    }
}
