package import LinuxIO

/// What a port is bound to on the host.
package enum EndpointConfiguration: Equatable, Sendable {
    /// A socket that clients connect to.
    case listener(UnixAddress, UnixSocketType = .stream)
    /// A stream socket that the process was started with, listening or connected.
    case inherited(InheritedDescriptor)
    /// A socket that somebody else listens on, and that the daemon connects to.
    case connector(UnixAddress, UnixSocketType = .stream, ReconnectDelay = ReconnectDelay())
    /// A terminal of its own; a symbolic link leads to it, when there is one.
    case terminal(link: String?)
    /// A file that the guest's bytes go to.
    case file(String, appends: Bool)
    /// Two FIFOs, `PATH.in` to the guest and `PATH.out` from it.
    case fifos(String)
    /// The process's own standard input and output.
    case standardStreams
    /// Nowhere: what the guest writes is taken and gone.
    case null

    /// What a connector's next attempt waits for, at most.
    package struct ReconnectDelay: Equatable, Sendable {
        /// The first pause; each one is twice as long as the one before it.
        static let firstNanoseconds: UInt64 = 10_000_000

        package var longestNanoseconds: UInt64

        package init(longestNanoseconds: UInt64 = 1_000_000_000) {
            self.longestNanoseconds = longestNanoseconds
        }

        /// The pause after the one of this length; nil is before the first.
        func following(_ nanoseconds: UInt64?) -> UInt64 {
            guard let nanoseconds else { return min(Self.firstNanoseconds, longestNanoseconds) }
            // At most a day each, far from overflow.
            return min(nanoseconds * 2, longestNanoseconds)
        }
    }

    /// The socket's address, where there is one that is ours or another program's.
    package var address: UnixAddress? {
        switch self {
        case .listener(let address, _), .connector(let address, _, _): address
        case .inherited, .terminal, .file, .fifos, .standardStreams, .null: nil
        }
    }

    /// Whether clients come and go; otherwise one and the same is there from the start to the end.
    var hasClients: Bool {
        switch self {
        case .listener, .inherited, .connector, .terminal: true
        case .file, .fifos, .standardStreams, .null: false
        }
    }

    /// Whether clients come to ``address``, as `server=` has it; nil where there is no address.
    var isServer: Bool? { address.map { _ in !isConnector } }

    /// What a socket carries; nil of what is none.
    var socketType: UnixSocketType? {
        switch self {
        case .listener(_, let type), .connector(_, let type, _): type
        case .inherited: .stream
        case .terminal, .file, .fifos, .standardStreams, .null: nil
        }
    }

    var isConnector: Bool {
        if case .connector = self { true } else { false }
    }

    /// Whether more than one client can come: each gets a copy of a stream.
    var takesManyClients: Bool {
        switch self {
        case .listener(_, .stream), .inherited: true
        default: false
        }
    }

    /// Whether what is at the other side keeps records apart.
    var keepsRecords: Bool { socketType == .records }

    /// The kind's name, as `kind=` and `query-ports` have it.
    package var kind: EndpointKind {
        switch self {
        case .listener, .inherited, .connector: .socket
        case .terminal: .pty
        case .file: .file
        case .fifos: .pipe
        case .standardStreams: .stdio
        case .null: .null
        }
    }

    /// The paths that must be reached while the process runs, for files that are removed or connected to then.
    var runtimePaths: [String] {
        switch self {
        case .listener(.path(let path), _), .connector(.path(let path), _, _): [path]
        case .terminal(let link?): [link]
        case .listener, .inherited, .connector, .terminal, .file, .fifos, .standardStreams, .null: []
        }
    }
}

extension UnixSocketType {
    /// As `type=` has it.
    init?(key: String) {
        switch key {
        case "stream": self = .stream
        case "seqpacket": self = .records
        default: return nil
        }
    }

    /// As ``init(key:)`` reads it.
    var key: String {
        switch self {
        case .stream: "stream"
        case .records: "seqpacket"
        }
    }
}

/// The kinds of endpoints, by the names that QEMU's character devices have.
package enum EndpointKind: String, CaseIterable, Sendable {
    case socket, pty, file, pipe, stdio, null
}

extension EndpointConfiguration {
    /// What the log says of a port that begins.
    var news: String {
        switch self {
        case .listener, .inherited: "clients at \(self)"
        case .connector(let address, _, _): "connecting to \(address)"
        case .terminal, .file, .fifos, .standardStreams, .null: "bound to \(self)"
        }
    }
}

extension EndpointConfiguration: CustomStringConvertible {
    /// Where it is, for an operator.
    package var description: String {
        switch self {
        case .listener(let address, _), .connector(let address, _, _): "\(address)"
        case .inherited(let descriptor): "\(descriptor)"
        case .terminal(let link): link ?? "a terminal"
        case .file(let path, _), .fifos(let path): path
        case .standardStreams: "standard input and output"
        case .null: "nowhere"
        }
    }
}
