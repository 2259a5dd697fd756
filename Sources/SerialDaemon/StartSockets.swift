import BasicContainers
import Glibc
import LinuxIO
import Sandbox

/// Every socket that the daemon starts with, opened before it is told to anybody that it runs.
///
/// When one cannot be opened, those before it are closed and their files removed, so that a failed start leaves nothing
/// behind.
struct StartSockets: ~Copyable {
    var frontend: FrontendSocket
    /// One for each of the configuration's ports, in its order.
    var ports: UniqueArray<PortBinding>
    /// Where an operator's programs connect to.
    var control: UnixListener?
    /// What to remove at the end, beside the ports' files. The listeners belong to the device thread by then, which may
    /// be the reason for the end.
    var files: [BoundFile]
    /// The ports' files, by name.
    var portFiles: [String: BoundFile]

    /// - Parameters:
    ///   - configuration: what to open.
    ///   - environment: looks up a variable of the process's.
    /// - Throws: ``StartError``; nothing is left behind then.
    init(_ configuration: DaemonConfiguration, environment: (String) -> String?) throws(StartError) {
        if let directory = configuration.socketDirectory, !Self.isDirectory(directory) {
            throw .socketDirectoryMissing(directory)
        }
        var files: [BoundFile] = []
        var portFiles: [String: BoundFile] = [:]
        do {
            let frontend = try Self.frontend(configuration, &files)
            let control = try Self.control(configuration, &files)
            let opener = PortOpener(configuration, environment: environment)
            var ports = UniqueArray<PortBinding>(minimumCapacity: configuration.ports.count)
            for port in configuration.ports {
                ports.append(try opener.open(port, file: &portFiles[port.name]))
            }
            self.frontend = frontend
            self.control = control
            self.ports = ports
            self.files = files
            self.portFiles = portFiles
        } catch {
            for file in files + Array(portFiles.values) { file.removeIfUnchanged() }
            throw error
        }
    }

    private static func frontend(
        _ configuration: DaemonConfiguration, _ files: inout [BoundFile]
    ) throws(StartError) -> FrontendSocket {
        switch configuration.frontend {
        case .listen(let address):
            let listener = try listen(at: address, owner: "--socket-path", configuration)
            if let file = listener.boundFile { files.append(file) }
            return .listener(listener)
        case .inherited(let number):
            let isListening: Bool
            do {
                isListening = try InheritedSocket.isListening(number)
            } catch {
                throw .inheritedDescriptor(number, error)
            }
            // Adopted only now: a number that is no socket of ours to close (a file, stdin) is left alone.
            let descriptor = OwnedFileDescriptor(adopting: number)
            guard isListening else { return .connection(UnixStream(adopting: descriptor)) }
            do {
                return .listener(try UnixListener(adopting: descriptor))
            } catch {
                throw .listen(owner: "--fd=\(number)", error)
            }
        }
    }

    private static func control(
        _ configuration: DaemonConfiguration, _ files: inout [BoundFile]
    ) throws(StartError) -> UnixListener? {
        guard let address = configuration.controlAddress else { return nil }
        let listener = try listen(at: address, owner: "--control", configuration)
        if let file = listener.boundFile { files.append(file) }
        return listener
    }

    private static func listen(
        at address: UnixAddress, owner: String, _ configuration: DaemonConfiguration
    ) throws(StartError) -> UnixListener {
        do {
            return try UnixListener.bind(
                to: address, mode: configuration.socketMode, owner: configuration.sandbox.identity?.user,
                group: configuration.socketGroup ?? configuration.sandbox.identity?.group)
        } catch {
            throw .listen(owner: owner, error)
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
