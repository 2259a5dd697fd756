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
    var ports: UniqueArray<UnixListener>
    /// What to remove at the end. The listeners belong to the device thread by then, which may be the reason for the
    /// end.
    var files: [BoundSocketFile]

    init(_ configuration: DaemonConfiguration) throws(StartError) {
        if let directory = configuration.socketDirectory, !Self.isDirectory(directory) {
            throw .socketDirectoryMissing(directory)
        }
        var files: [BoundSocketFile] = []
        do {
            let frontend = try Self.frontend(configuration, &files)
            var ports = UniqueArray<UnixListener>(minimumCapacity: configuration.ports.count)
            for port in configuration.ports {
                ports.append(
                    try Self.listen(at: port.address, owner: "--port name=\(port.name)", configuration, &files))
            }
            self.frontend = frontend
            self.ports = ports
            self.files = files
        } catch {
            for file in files { file.removeIfUnchanged() }
            throw error
        }
    }

    private static func frontend(
        _ configuration: DaemonConfiguration, _ files: inout [BoundSocketFile]
    ) throws(StartError) -> FrontendSocket {
        switch configuration.frontend {
        case .listen(let address):
            return .listener(try listen(at: address, owner: "--socket-path", configuration, &files))
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

    private static func listen(
        at address: UnixAddress, owner: String, _ configuration: DaemonConfiguration, _ files: inout [BoundSocketFile]
    ) throws(StartError) -> UnixListener {
        do {
            let listener = try UnixListener.bind(
                to: address, mode: configuration.socketMode, owner: configuration.sandbox.identity?.user,
                group: configuration.socketGroup ?? configuration.sandbox.identity?.group)
            if let file = listener.boundFile { files.append(file) }
            return listener
        } catch {
            throw .listen(owner: owner, error)
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
