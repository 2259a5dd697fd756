@testable import ControlProtocol

/// A daemon with a guest that is ready, of a front-end whose process nobody knows.
func someStatus(change: (inout DaemonStatus) -> Void = { _ in }) -> DaemonStatus {
    var status = DaemonStatus(
        version: "0.1.0", pid: 1, uptimeSeconds: 60, logLevel: "info", maxPorts: 31,
        frontend: FrontendStatus(uid: 0, pid: 0, features: [], protocolFeatures: []),
        guest: GuestStatus(driverReady: true),
        sandbox: SandboxStatus(confinement: "namespace", seccomp: "kill", user: 0, group: 0, threads: 2), captures: [])
    change(&status)
    return status
}

/// The same as the daemon sends it.
func statusJSON(change: (inout DaemonStatus) -> Void = { _ in }) -> String {
    String(decoding: (try? ControlCoding.encode(someStatus(change: change))) ?? [], as: UTF8.self)
}
