/// The commands, by the names they are sent with. `docs/control.md` says what each one does.
package enum ControlCommand: String, CaseIterable, Sendable {
    case negotiate = "qmp_capabilities"
    case queryVersion = "query-version"
    case queryCommands = "query-commands"
    case queryStatus = "query-status"
    case queryPorts = "query-ports"
    case queryMetrics = "query-metrics"
    case portAdd = "port-add"
    case portRemove = "port-remove"
    case portSet = "port-set"
    case clientDisconnect = "client-disconnect"
    case logLevel = "log-level"
    case captureStart = "capture-start"
    case captureStop = "capture-stop"
    case shutdown = "system-shutdown"

    /// Whether it is for those alone who may change something.
    package var changesSomething: Bool {
        switch self {
        case .negotiate, .queryVersion, .queryCommands, .queryStatus, .queryPorts, .queryMetrics: false
        // A capture shows what the ports carry, which is more than looking at their state.
        case .portAdd, .portRemove, .portSet, .clientDisconnect, .logLevel, .captureStart, .captureStop, .shutdown: true
        }
    }
}

/// One element of `query-commands`.
package struct CommandName: Codable, Equatable, Sendable {
    package var name: String

    package init(name: String) {
        self.name = name
    }
}
