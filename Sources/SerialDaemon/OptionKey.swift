/// The options of the daemon, which are the long flags of the command line and the keys of a configuration file; `--port`
/// is not among them, its keys are ``PortKey``.
package enum OptionKey: String, CaseIterable, Sendable {
    case socketPath = "socket-path"
    case inheritedDescriptor = "fd"
    case socketDirectory = "socket-dir"
    case socketGroup = "socket-group"
    case control
    case metricsFile = "metrics-file"
    case captureDirectory = "capture-dir"
    case maxPorts = "max-ports"
    case packedRings = "packed-rings"
    case pollMicroseconds = "poll-us"
    case user
    case group
    case sandbox
    case seccomp
    case logLevel = "log-level"
}
