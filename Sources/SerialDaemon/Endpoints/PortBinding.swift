package import LinuxIO

/// How somebody comes to be at a port's other side.
package enum PortBinding: ~Copyable, Sendable {
    /// Nobody ever is: there is no port of this number.
    case none
    /// Whoever connects.
    case listener(UnixListener)
    /// Whoever listens where the control thread connects to.
    case connector
    /// Whoever opens the terminal.
    case terminal(PseudoTerminal)
    /// Somebody who is there from the start to the end; taken out when the port begins.
    case permanent(PermanentChannel)

    /// Readable when somebody may have come; nil when there is nothing to wait for. Borrowed.
    var descriptor: Int32? {
        switch self {
        case .listener(let listener): listener.rawValue
        case .terminal(let terminal): terminal.watchDescriptor
        case .none: nil
        case .connector: nil
        case .permanent: nil
        }
    }

    /// Whether somebody is to be asked for.
    var isConnector: Bool {
        switch self {
        case .connector: true
        default: false
        }
    }
}

/// What a port without clients is bound to.
package enum PermanentChannel: ~Copyable, Sendable {
    /// A connected socket that the process was started with.
    case stream(UnixStream)
    case files(input: OpenFile?, output: OpenFile)
    case null

    consuming func channel() -> ClientChannel {
        switch consume self {
        case .stream(let stream): return .stream(stream)
        case .files(let input, let output): return .file(FileChannel(input: input, output: output))
        case .null: return .null(NullChannel())
        }
    }
}
