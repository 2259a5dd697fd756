import LinuxIO
import Sandbox

/// What ports there are, for the control thread: which names, numbers and addresses are taken, and which socket files are
/// to be removed at the end.
///
/// ## Concurrency
/// On the control thread.
final class PortCatalogue {
    private(set) var ports: [PortConfiguration]
    private var files: [String: BoundSocketFile]
    private let maxPorts: Int
    private let frontend: FrontendSource
    private let control: UnixAddress?
    private let socketDirectory: String?
    private let socketMode: UInt16
    private let socketOwner: UInt32?
    private let socketGroup: UInt32?

    /// - Parameters:
    ///   - configuration: what the daemon started with.
    ///   - files: those of its ports' sockets, by name.
    init(_ configuration: DaemonConfiguration, files: [String: BoundSocketFile]) {
        ports = configuration.ports
        self.files = files
        maxPorts = configuration.maxPorts
        frontend = configuration.frontend
        control = configuration.controlAddress
        // As long as the working directory and symbolic links mean what they meant to the operator.
        socketDirectory = configuration.socketDirectory.map(CanonicalPath.resolve)
        socketMode = configuration.socketMode
        socketOwner = configuration.sandbox.identity?.user
        socketGroup = configuration.socketGroup ?? configuration.sandbox.identity?.group
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
        let number = try PortNumbering.assign(taken + [options], maxPorts: maxPorts).last ?? 0
        let port = try options.configuration(number: number, socketDirectory: socketDirectory)
        try OperatorSettings.refuseRepeatedAddresses(ports + [port], frontend: frontend, control: control)
        return port
    }

    /// Makes the socket of a proposed port.
    ///
    /// - Throws: ``UnixListenerError``: whatever is at its path already, or a directory that the sandbox does not have.
    func listen(for port: PortConfiguration) throws(UnixListenerError) -> UnixListener {
        let listener = try UnixListener.bind(
            to: port.address, mode: socketMode, owner: socketOwner, group: socketGroup, probing: false)
        files[port.name] = listener.boundFile
        ports.append(port)
        return listener
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
