import LinuxIO
import VirtioConsole

/// The keys of `--port`, with what each one accepts: the parser's table and the source of its messages.
package enum PortKey: String, CaseIterable, Sendable {
    case name
    case number = "nr"
    case kind
    case path
    case server
    case wait
    case reconnect = "reconnect-ms"
    case type
    case descriptor = "fd"
    case append
    case clients
    case writers
    case scrollback
    case owner
    case group
    case mode
    case console
    case columns = "cols"
    case rows
    case resizeOrder = "resize-order"
    case clientsAbsent = "clients-absent"
    case bufferSize = "buffer-size"
    case guestClose = "guest-close"
    case linger
    case expectOpen = "expect-open"
    case allowedUsers = "allow-uids"
    case allowedGroups = "allow-gids"
    case rate
    case logPath = "logfile"
    case logAppends = "logappend"
    case logSize = "log-size"
    case logFiles = "log-files"

    /// What a value of this key looks like, to stand behind "must be".
    package var accepted: String {
        switch self {
        case .name: "a name of 1 to \(PortName.maximumByteCount) bytes"
        case .number: "a port number, 0 to \(DaemonConfiguration.maximumPortLimit - 1)"
        case .kind: Self.list(EndpointKind.allCases)
        case .path: "a path, of a socket at most \(UnixAddress.maximumByteCount) bytes or @NAME for an abstract one"
        case .server, .wait, .append, .console, .logAppends: "on or off"
        case .reconnect: "a number of milliseconds, 1 to 86400000"
        case .type: "stream or seqpacket"
        case .descriptor: "the number of an open descriptor, or a name of systemd's (FileDescriptorName=)"
        case .clients, .writers: "a number of clients, 1 to \(PortEndpoint.largestClientLimit)"
        case .scrollback: "a number of bytes with an optional K, M or G, 1 to 64M"
        case .owner: "a user of this host by name or number"
        case .group: "a group of this host by name or number"
        case .mode: "permission bits such as 0660"
        case .columns, .rows: "a number of characters, 1 to 65535"
        case .resizeOrder: Self.list(ResizeOrder.allCases)
        case .clientsAbsent: Self.list(ClientsAbsent.allCases)
        case .bufferSize: "a number of bytes with an optional K, M or G, 1 to 64M"
        case .guestClose: Self.list(GuestClose.allCases)
        case .linger, .expectOpen: "a number of seconds such as 5 or 0.5, at most \(PortOptions.maximumLingerSeconds)"
        case .allowedUsers: "users of this host by name or number, with ':' between them"
        case .allowedGroups: "groups of this host by name or number, with ':' between them"
        case .rate: "a number of bytes per second with an optional K, M or G, 1K to 1G, or off"
        case .logPath: "the path of a file in a directory that exists"
        case .logSize: "a number of bytes with an optional K, M or G, 64K to 1024G"
        case .logFiles: "a number of files, 1 to 1000"
        }
    }

    private static func list<Value: RawRepresentable<String>>(_ values: [Value]) -> String {
        list(values.map(\.rawValue))
    }

    /// For instance `keep, eof or disconnect`.
    static func list(_ words: [String]) -> String {
        words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}
