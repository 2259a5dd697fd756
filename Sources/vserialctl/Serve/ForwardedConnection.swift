import LinuxIO

/// A connection to another socket, made each time the guest opens the port.
final class ForwardedConnection: NearSide {
    private let target: ForwardTarget
    private let timeoutSeconds: Double

    /// The peer may stop sending and still listen, as the guest may.
    let ending = Relay.Ending.bothWays

    init(to target: ForwardTarget, timeoutSeconds: Double) {
        self.target = target
        self.timeoutSeconds = timeoutSeconds
    }

    func open() throws(CommandFailure) -> SocketEnd {
        switch target {
        case .tcp(let host, let port):
            return try TCPConnection.connect(to: host, port: port, until: Deadline(seconds: timeoutSeconds))
        case .unix(let address):
            do throws(SystemError) {
                return SocketEnd(try UnixStream.connect(to: address))
            } catch {
                throw .incomplete("\(target): \(error.errno)")
            }
        }
    }

    /// A connection shows its end by itself.
    func hasEnded() -> Bool { false }

    /// Closed with the value.
    func close(_ end: SocketEnd, signals: ServiceSignals) {}
}
