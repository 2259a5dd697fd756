/// The daemon, as `query-status` answers.
package struct DaemonStatus: Codable, Equatable, Sendable {
    package var version: String
    package var pid: Int32
    package var uptimeSeconds: UInt64
    package var logLevel: String
    package var maxPorts: Int
    /// The VMM; nil while none is connected.
    package var frontend: FrontendStatus?
    package var guest: GuestStatus
    /// As verified; absent only before anybody is served.
    package var sandbox: SandboxStatus?
    package var captures: [CaptureStatus]

    package init(
        version: String, pid: Int32, uptimeSeconds: UInt64, logLevel: String, maxPorts: Int, frontend: FrontendStatus?,
        guest: GuestStatus, sandbox: SandboxStatus?, captures: [CaptureStatus]
    ) {
        self.version = version
        self.pid = pid
        self.uptimeSeconds = uptimeSeconds
        self.logLevel = logLevel
        self.maxPorts = maxPorts
        self.frontend = frontend
        self.guest = guest
        self.sandbox = sandbox
        self.captures = captures
    }
}

/// The front-end's process, and what was acknowledged.
package struct FrontendStatus: Codable, Equatable, Sendable {
    package var uid: UInt32
    package var pid: Int32
    /// The guest driver's.
    package var features: [String]
    /// The front-end's own.
    package var protocolFeatures: [String]

    package init(uid: UInt32, pid: Int32, features: [String], protocolFeatures: [String]) {
        self.uid = uid
        self.pid = pid
        self.features = features
        self.protocolFeatures = protocolFeatures
    }
}

package struct GuestStatus: Codable, Equatable, Sendable {
    /// Whether the guest's driver has begun, and was not reset since.
    package var driverReady: Bool

    package init(driverReady: Bool) {
        self.driverReady = driverReady
    }
}

/// What the process is shut in by, as it was found in `/proc` before it served anybody.
package struct SandboxStatus: Codable, Equatable, Sendable {
    package var confinement: String
    package var seccomp: String
    package var user: UInt32
    package var group: UInt32
    package var threads: Int

    package init(confinement: String, seccomp: String, user: UInt32, group: UInt32, threads: Int) {
        self.confinement = confinement
        self.seccomp = seccomp
        self.user = user
        self.group = group
        self.threads = threads
    }
}

/// A capture that runs.
package struct CaptureStatus: Codable, Equatable, Sendable {
    package var capture: Int
    package var ports: [String]
    /// Its file's name; nil for a stream.
    package var file: String?
    package var packets: UInt64
    package var bytes: UInt64
    /// Packets that came faster than they were written.
    package var lost: UInt64

    package init(capture: Int, ports: [String], file: String?, packets: UInt64, bytes: UInt64, lost: UInt64) {
        self.capture = capture
        self.ports = ports
        self.file = file
        self.packets = packets
        self.bytes = bytes
        self.lost = lost
    }
}

/// The answer of `query-metrics`.
package struct MetricsText: Codable, Equatable, Sendable {
    /// Prometheus' text format, version 0.0.4.
    package var text: String

    package init(text: String) {
        self.text = text
    }
}

/// The answer of `port-add`.
package struct AddedPort: Codable, Equatable, Sendable {
    package var id: String
    package var number: Int
    package var path: String

    package init(id: String, number: Int, path: String) {
        self.id = id
        self.number = number
        self.path = path
    }
}

/// The answer of `capture-start`.
package struct StartedCapture: Codable, Equatable, Sendable {
    package var capture: Int

    package init(capture: Int) {
        self.capture = capture
    }
}

/// The answer of `capture-stop`.
package struct CaptureTotals: Codable, Equatable, Sendable {
    package var packets: UInt64
    package var bytes: UInt64
    package var lost: UInt64

    package init(packets: UInt64, bytes: UInt64, lost: UInt64) {
        self.packets = packets
        self.bytes = bytes
        self.lost = lost
    }
}
