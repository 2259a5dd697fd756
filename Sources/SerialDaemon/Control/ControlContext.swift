import ControlProtocol
import Glibc
import LinuxIO
import Logging
import Sandbox

/// What the control thread knows of the daemon beside its ports.
final class ControlContext {
    let threshold: LogThreshold
    /// The user that may change things, beside root.
    let owner: UInt32
    /// What keeps the process in; set before anybody is served.
    var sandbox: VerifiedSandbox?
    private let maxPorts: Int
    private let start = MonotonicClock.nanoseconds()

    init(_ configuration: DaemonConfiguration, threshold: LogThreshold) {
        maxPorts = configuration.maxPorts
        owner = configuration.sandbox.identity?.user ?? geteuid()
        self.threshold = threshold
    }

    /// What `query-status` answers.
    func status(_ snapshot: DeviceSnapshot, captures: [CaptureStatus]) -> DaemonStatus {
        DaemonStatus(
            version: DaemonVersion.text, pid: getpid(),
            uptimeSeconds: (MonotonicClock.nanoseconds() &- start) / 1_000_000_000,
            logLevel: threshold.level.rawValue, maxPorts: maxPorts, frontend: snapshot.frontend,
            guest: GuestStatus(driverReady: snapshot.isDriverReady), sandbox: sandbox.map(SandboxStatus.init),
            captures: captures)
    }
}

extension SandboxStatus {
    fileprivate init(_ sandbox: VerifiedSandbox) {
        self.init(
            confinement: sandbox.confinement.rawValue, seccomp: sandbox.filterAction.rawValue,
            user: sandbox.identity.user, group: sandbox.identity.group, threads: sandbox.threadCount)
    }
}
