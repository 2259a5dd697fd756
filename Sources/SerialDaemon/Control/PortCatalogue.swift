import LinuxIO
import Sandbox

/// What ports there are, for the control thread: which names, numbers and addresses are taken, and which socket files are
/// to be removed at the end.
///
/// ## Concurrency
/// On the control thread.
final class PortCatalogue {
    private(set) var ports: [PortConfiguration]
    private var files: [String: BoundFile]
    private let configuration: DaemonConfiguration
    private let socketDirectory: String?

    /// - Parameters:
    ///   - configuration: what the daemon started with.
    ///   - files: what was made for its ports in the file system, by name.
    init(_ configuration: DaemonConfiguration, files: [String: BoundFile]) {
        ports = configuration.ports
        self.files = files
        self.configuration = configuration
        // As long as the working directory and symbolic links mean what they meant to the operator.
        socketDirectory = configuration.socketDirectory.map(CanonicalPath.resolve)
    }

    /// The port of a number.
    func port(number: Int) -> PortConfiguration? {
        ports.first { $0.number == number }
    }

    /// The port of a name.
    func port(named name: String) -> PortConfiguration? {
        ports.first { $0.name == name }
    }

    // MARK: Coming

    /// What a port with these keys would be.
    ///
    /// - Throws: ``ConfigurationError``, as for `--port`.
    func proposal(_ options: PortOptions) throws(ConfigurationError) -> PortConfiguration {
        guard port(named: options.name) == nil else { throw .portNameTwice(options.name) }
        let taken = ports.map { port in
            var options = PortOptions(name: port.name)
            options.number = port.number
            return options
        }
        let number = try PortNumbering.assign(taken + [options], maxPorts: configuration.maxPorts).last ?? 0
        switch options.kind {
        case .socket?, .null?, nil: break
        case .pty?, .file?, .pipe?, .stdio?: throw .kindOnlyAtStart(options.kind ?? .socket, port: options.name)
        }
        guard options.inheritedDescriptor == nil, options.waitsForClient == nil else {
            throw .keyOnlyAtStart(options.inheritedDescriptor == nil ? .wait : .descriptor, port: options.name)
        }
        let port = try options.configuration(number: number, endpoint: try options.endpoint(in: socketDirectory))
        try OperatorSettings.refuseRepeatedAddresses(
            ports + [port], frontend: configuration.frontend, control: configuration.controlAddress)
        return port
    }

    /// Makes what a proposed port is bound to.
    ///
    /// - Throws: ``UnixListenerError``: whatever is at its path already, or a directory that the sandbox does not have.
    func open(_ port: PortConfiguration) throws(UnixListenerError) -> PortBinding {
        let binding: PortBinding
        switch port.endpoint {
        case .listener(let address, let type):
            let access = configuration.access(of: port)
            let listener = try UnixListener.bind(
                to: address, mode: access.mode, owner: access.owner, group: access.group, type: type, probing: false)
            files[port.name] = listener.boundFile
            binding = .listener(listener)
        case .connector: binding = .connector
        // Others were refused by ``proposal(_:)``.
        case .inherited, .terminal, .file, .fifos, .standardStreams, .null: binding = .permanent(.null)
        }
        ports.append(port)
        return binding
    }

    // MARK: Changing and going

    /// The port of this name is like this from now on.
    func replace(_ port: PortConfiguration) {
        guard let index = ports.firstIndex(where: { $0.name == port.name }) else { return }
        ports[index] = port
    }

    /// Forgets a port, and removes its socket's file.
    func remove(named name: String) {
        files.removeValue(forKey: name)?.removeIfUnchanged()
        ports.removeAll { $0.name == name }
    }

    /// Removes the files of all ports.
    func removeFiles() {
        for file in files.values { file.removeIfUnchanged() }
        files = [:]
    }
}
