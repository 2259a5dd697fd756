import Glibc
import LinuxIO
import Sandbox
import SystemPackage

/// Opens what ports are bound to, while the process may still open everything.
struct PortOpener {
    let configuration: DaemonConfiguration
    let passed: PassedDescriptors

    /// - Parameters:
    ///   - configuration: the ports', with what is said for all of them.
    ///   - environment: looks up a variable of the process's.
    init(_ configuration: DaemonConfiguration, environment: (String) -> String?) {
        self.configuration = configuration
        passed = PassedDescriptors(environment: environment, processIdentifier: getpid())
    }

    /// Opens what a port is bound to.
    ///
    /// - Parameters:
    ///   - port: one of the configuration's.
    ///   - file: what was made in the file system and is to be removed at the end.
    /// - Returns: what the device thread gets.
    /// - Throws: ``StartError``; nothing is left behind then.
    func open(_ port: PortConfiguration, file: inout BoundFile?) throws(StartError) -> PortBinding {
        let owner = "--port name=\(port.name)"
        switch port.endpoint {
        case .listener(let address, let type):
            let listener = try listen(at: address, type, port, owner: owner)
            file = listener.boundFile
            return .listener(listener)
        case .inherited(let descriptor): return try adopt(descriptor, owner: owner)
        case .connector: return .connector
        case .terminal(let link): return try openTerminal(link: link, port, owner: owner, file: &file)
        case .file(let path, let appends):
            return .permanent(.files(input: nil, output: try openFile(path, appends: appends, port, owner: owner)))
        case .fifos(let path): return try openFIFOs(path, owner: owner)
        case .standardStreams: return try openStandardStreams(owner: owner)
        case .null: return .permanent(.null)
        }
    }

    private func listen(
        at address: UnixAddress, _ type: UnixSocketType, _ port: PortConfiguration, owner: String
    ) throws(StartError) -> UnixListener {
        let access = configuration.access(of: port)
        do {
            return try UnixListener.bind(
                to: address, mode: access.mode, owner: access.owner, group: access.group, type: type)
        } catch {
            throw .listen(owner: owner, error)
        }
    }

    private func adopt(_ descriptor: InheritedDescriptor, owner: String) throws(StartError) -> PortBinding {
        guard let number = passed.number(of: descriptor) else {
            throw .descriptorNotPassed(owner: owner, "\(descriptor)")
        }
        let isListening: Bool
        do throws(SystemError) {
            isListening = try InheritedSocket.isListening(number)
        } catch {
            throw .endpoint(owner: owner, "\(descriptor) is no UNIX stream socket", error)
        }
        // Adopted only now: a number that is no socket is left alone.
        let socket = OwnedFileDescriptor(adopting: number)
        do throws(SystemError) {
            try socket.setCloseOnExec()
        } catch {
            throw .system(error)
        }
        guard isListening else { return .permanent(.stream(UnixStream(adopting: socket))) }
        do throws(UnixListenerError) {
            return .listener(try UnixListener(adopting: socket))
        } catch {
            throw .listen(owner: owner, error)
        }
    }

    private func openTerminal(
        link: String?, _ port: PortConfiguration, owner: String, file: inout BoundFile?
    ) throws(StartError) -> PortBinding {
        let access = configuration.access(of: port)
        do throws(SystemError) {
            let terminal = try PseudoTerminal.open(mode: access.mode, owner: access.owner, group: access.group)
            if let link { file = try BoundFile.link(at: link, to: terminal.path) }
            return .terminal(terminal)
        } catch {
            throw .endpoint(owner: owner, "cannot make a terminal\(link.map { " at \($0)" } ?? "")", error)
        }
    }

    private func openFile(
        _ path: String, appends: Bool, _ port: PortConfiguration, owner: String
    ) throws(StartError) -> OpenFile {
        let access = configuration.access(of: port)
        do throws(SystemError) {
            // Not emptied before it is known to be ours to empty: O_TRUNC would do so with whatever a link leads to.
            let file = try OpenFile(path: path, flags: O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, mode: 0o600)
            guard file.isRegular else { throw SystemError(call: "open", errno: .invalidArgument) }
            try file.setAccess(mode: access.mode, owner: access.owner, group: access.group)
            if !appends { try file.truncate() }
            return file
        } catch {
            throw .endpoint(owner: owner, "cannot write to \(path)", error)
        }
    }

    /// Both ways for each: nobody at the other end is no end of file, and writing waits for a reader.
    private func openFIFOs(_ path: String, owner: String) throws(StartError) -> PortBinding {
        do throws(SystemError) {
            let input = try OpenFile(path: "\(path).in", flags: O_RDWR)
            let output = try OpenFile(path: "\(path).out", flags: O_RDWR)
            return .permanent(.files(input: input, output: output))
        } catch {
            throw .endpoint(owner: owner, "cannot open \(path).in and \(path).out (make them with mkfifo)", error)
        }
    }

    /// Opened anew, so that not to block is a matter of ours alone: other programs have the same terminal.
    private func openStandardStreams(owner: String) throws(StartError) -> PortBinding {
        do throws(SystemError) {
            let input = try OpenFile(path: "/proc/self/fd/\(STDIN_FILENO)", flags: O_RDONLY)
            let output = try OpenFile(path: "/proc/self/fd/\(STDOUT_FILENO)", flags: O_WRONLY | O_APPEND)
            return .permanent(.files(input: input, output: output))
        } catch {
            throw .endpoint(owner: owner, "cannot use standard input and output", error)
        }
    }
}
