package import LinuxIO

/// What an operator asked for that cannot be: one case for each kind, found before anything on the host was touched.
package enum ConfigurationError: Error, Equatable, Sendable {
    // The command as a whole.
    case frontendMissing
    case frontendTwice
    case badDescriptor(Int)
    case maxPortsOutOfRange(Int)
    case pollingOutOfRange(Int)
    case unknownLogLevel(String)
    /// An option with a value that it does not accept, and what it accepts.
    case badOption(OptionKey, String, accepted: String)
    /// The option, and what stands behind it.
    case unknownGroup(String, String)
    case unknownUser(String)
    case groupWithoutUser
    case captureDirectoryWithoutControl
    case noPorts
    case tooManyPorts(count: Int, maxPorts: Int)

    // One `--port`.
    case keyWithoutValue(key: String)
    case duplicateKey(String)
    case unknownKey(String)
    case badValue(PortKey, String)
    case portWithoutName(String)
    case badPortName(String, PortName.Problem)
    case badAddress(option: String, text: String, UnixAddressError)
    case consoleKeyOnGenericPort(PortKey, port: String)
    case halfASize(missing: PortKey, port: String)
    case consoleThatBlocks(port: String)
    case bufferSizeWithoutBuffer(port: String)
    case keyOfOtherKind(PortKey, EndpointKind, port: String)
    case keyOfInheritedSocket(PortKey, port: String)
    case kindWithoutPath(EndpointKind, port: String)
    case reconnectOfListener(port: String)
    case accessOfConnector(port: String)
    case manyClients(port: String)
    case moreWritersThanClients(port: String)
    /// While the daemon runs, from within its sandbox.
    case kindOnlyAtStart(EndpointKind, port: String)
    case keyOnlyAtStart(PortKey, port: String)
    /// Records have an end, which a stream of kept bytes has not.
    case keptRecords(PortKey, port: String)
    case consoleWithRate(port: String)
    case logKeyWithout(PortKey, PortKey, port: String)

    // Ports together.
    case portNameTwice(String)
    case portNumberTooHigh(number: Int, port: String, maxPorts: Int)
    case portNumberTwice(number: Int, first: String, second: String)
    case portWithoutPath(String)
    case addressTwice(UnixAddress, first: String, second: String)
    case standardStreamsTwice(first: String, second: String)
}

extension ConfigurationError: CustomStringConvertible {
    /// One sentence that names the option and the value, and says what to do.
    package var description: String {
        switch self {
        case .frontendMissing:
            "--socket-path=PATH is missing: give it, or --fd=FD for a socket that the process inherits."
        case .frontendTwice:
            "--socket-path and --fd exclude each other: give one of them."
        case .badDescriptor(let descriptor):
            "--fd=\(descriptor) is no file descriptor: give the number of an open socket."
        case .maxPortsOutOfRange(let count):
            "--max-ports=\(count) must be 1 to \(DaemonConfiguration.maximumPortLimit)."
        case .pollingOutOfRange(let microseconds):
            "--poll-us=\(microseconds) must be 0 to \(DaemonConfiguration.maximumPollingMicroseconds) microseconds."
        case .unknownLogLevel(let text):
            "--log-level=\(text.escaped) must be trace, debug, info, notice, warning, error or critical."
        case .badOption(let option, let text, let accepted):
            "--\(option.rawValue)=\(text.escaped) must be \(accepted)."
        case .unknownUser(let text):
            "--user=\(text.escaped) is no user of this host: give an existing user's name, or a number."
        case .groupWithoutUser:
            "--group needs --user: give both, or --socket-group for the sockets alone."
        case .unknownGroup(let option, let text):
            "\(option)=\(text.escaped) is no group of this host: give an existing group's name, or a number."
        case .captureDirectoryWithoutControl:
            "--capture-dir needs --control: captures are started there."
        case .noPorts:
            "--port is missing: give one for each port, for example --port name=vm.ctl."
        case .tooManyPorts(let count, let maxPorts):
            "\(count) ports do not fit --max-ports=\(maxPorts): raise it, or take ports away."

        case .keyWithoutValue(let key):
            "--port: key '\(key.escaped)' has no value: write KEY=VALUE, and ',,' for a comma in a value."
        case .duplicateKey(let key):
            "--port: '\(key.escaped)=' stands twice in one port: keep one of them."
        case .unknownKey(let key):
            "--port: '\(key.escaped)' is no key: use \(PortKey.allCases.map(\.rawValue).joined(separator: ", "))."
        case .badValue(let key, let value):
            "--port: \(key.rawValue)=\(value.escaped) must be \(key.accepted)."
        case .portWithoutName(let text):
            "--port '\(text.escaped)' has no name: add name=NAME, as the guest shall see it in /dev/virtio-ports."
        case .badPortName(let name, let problem):
            "--port: name='\(name.escaped)' \(problem): choose a name that can be a file name in host and guest."
        case .badAddress(let option, let text, let error):
            "\(option)\(text.escaped): \(error.description.escaped): give a path, or @NAME for an abstract socket."
        case .consoleKeyOnGenericPort(let key, let port):
            "--port name=\(port.escaped): \(key.rawValue)= is only for a console: add console=on, or take it away."
        case .halfASize(let missing, let port):
            "--port name=\(port.escaped): a size needs cols= and rows=: add \(missing.rawValue)=."
        case .consoleThatBlocks(let port):
            "--port name=\(port.escaped): clients-absent=block stops a guest at its console: use buffer or discard."
        case .bufferSizeWithoutBuffer(let port):
            "--port name=\(port.escaped): buffer-size= needs clients-absent=buffer: add that, or take the size away."
        case .keyOfOtherKind(let key, let kind, let port):
            "--port name=\(port.escaped): \(key.rawValue)= is nothing for kind=\(kind.rawValue): take it away."
        case .keyOfInheritedSocket(let key, let port):
            "--port name=\(port.escaped): \(key.rawValue)= is nothing for a socket that is open already (fd=)."
        case .kindWithoutPath(let kind, let port):
            "--port name=\(port.escaped): kind=\(kind.rawValue) needs path=PATH: add it."
        case .reconnectOfListener(let port):
            "--port name=\(port.escaped): reconnect-ms= is for a daemon that connects: add server=off, or take it away."
        case .accessOfConnector(let port):
            "--port name=\(port.escaped): owner=, group= and mode= are the listener's to choose with server=off."
        case .manyClients(let port):
            "--port name=\(port.escaped): clients= is for a stream socket that clients connect to: take it away."
        case .moreWritersThanClients(let port):
            "--port name=\(port.escaped): writers= must not be above clients=: raise that, or lower it."
        case .kindOnlyAtStart(let kind, let port):
            "port \(port.escaped): kind=\(kind.rawValue) can only be opened when the daemon starts: use a socket."
        case .keyOnlyAtStart(let key, let port):
            "port \(port.escaped): \(key.rawValue)= is for a port that the daemon starts with: take it away."
        case .keptRecords(let key, let port):
            "--port name=\(port.escaped): type=seqpacket keeps records apart and \(key.rawValue)= would join them."
        case .consoleWithRate(let port):
            "--port name=\(port.escaped): rate= stops a guest at its console: take it away."
        case .logKeyWithout(let missing, let key, let port):
            "--port name=\(port.escaped): \(key.rawValue)= needs \(missing.rawValue)=: add that, or take it away."

        case .portNameTwice(let name):
            "--port name=\(name.escaped) stands twice: give each port a name of its own."
        case .portNumberTooHigh(let number, let port, let maxPorts):
            "--port name=\(port.escaped): nr=\(number) must be below --max-ports=\(maxPorts)."
        case .portNumberTwice(let number, let first, let second):
            "nr=\(number) is given to \(first.escaped) and to \(second.escaped): change one of them."
        case .portWithoutPath(let name):
            "--port name=\(name.escaped) has no path=: add it, or --socket-dir=DIR for all ports without one."
        case .addressTwice(let address, let first, let second):
            "\(address.description.escaped) is the socket of \(first.escaped) and of \(second.escaped): change one."
        case .standardStreamsTwice(let first, let second):
            "kind=stdio is given to \(first.escaped) and to \(second.escaped): there is one standard input and output."
        }
    }
}

extension ConfigurationError {
    /// Reads a socket address, with the option it stands behind for the message: `--socket-path=`, `path=`.
    static func address(_ text: String, of option: String) throws(ConfigurationError) -> UnixAddress {
        do {
            return try UnixAddress(text)
        } catch {
            throw .badAddress(option: option, text: text, error)
        }
    }
}
