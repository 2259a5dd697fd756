import DriverTestSupport
import MachineTestSupport

/// What a fault is played with.
struct FaultSetting {
    /// The daemon's binary.
    let program: String
    /// More options for it, whatever the fault.
    let options: [String]
    /// Of the guest's rings.
    let layout: GuestDriver.Layout
    /// For sockets and logs, and nobody else's; short, because a socket's path is.
    let directory: String
    /// How much of it, in the fault's own unit.
    let count: Int
    /// For whatever is chosen at random.
    let seed: UInt64

    /// Starts a daemon with ports `p1`, `p2`….
    func startDaemon(
        portCount: Int, portOptions: (Int) -> [String] = { _ in [] }, arguments: [String] = [], log: String? = nil
    ) throws -> Daemon {
        try Daemon(
            Self.ports(portCount, options: portOptions), in: directory, arguments: options + arguments,
            program: program, log: log)
    }

    static func ports(_ count: Int, options: (Int) -> [String] = { _ in [] }) -> [Port] {
        (1...count).map { Port(name: "p\($0)", number: $0, daemonOptions: options($0)) }
    }
}

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }
    var seconds: Double { self / .seconds(1) }
}
