package import LinuxIO
package import Sandbox
import SystemPackage

/// Why a daemon with a good configuration could not start on this host.
package enum StartError: Error, Equatable, Sendable {
    case socketDirectoryMissing(String)
    /// The owner is the option that the socket belongs to: `--socket-path`, `--port name=vm.ctl`.
    case listen(owner: String, UnixListenerError)
    case inheritedDescriptor(Int32, SystemError)
    /// The owner as above, and the name or number of what the process was not started with.
    case descriptorNotPassed(owner: String, String)
    /// The owner as above, and what could not be done.
    case endpoint(owner: String, String, SystemError)
    case transcript(port: String, path: String, TranscriptRefusal)
    case sandbox(SandboxError)
    case system(SystemError)
}

extension StartError: CustomStringConvertible {
    /// One sentence that names the option and the value, and says what to do.
    package var description: String {
        switch self {
        case .socketDirectoryMissing(let directory):
            "--socket-dir=\(directory.escaped) is no directory: make it first, with the owner and mode you want."
        case .listen(let owner, let error):
            "\(owner.escaped): cannot listen at \(error.description.escaped)."
        case .inheritedDescriptor(let descriptor, let error):
            "--fd=\(descriptor) is no listening or connected UNIX stream socket (\(error)): pass one to the process."
        case .descriptorNotPassed(let owner, let descriptor):
            "\(owner.escaped): the process was not started with \(descriptor.escaped): pass it, or take fd= away."
        case .endpoint(let owner, let what, let error):
            "\(owner.escaped): \(what.escaped): \(error)."
        case .transcript(let port, let path, let refusal):
            "--port name=\(port.escaped): cannot write logfile=\(path.escaped): \(refusal.description.escaped)."
        case .sandbox(let error): error.description
        case .system(let error):
            "the host refuses what the daemon needs: \(error)."
        }
    }
}

extension StartError {
    /// Which of the codes tells a supervisor what to do next.
    package var exitCode: ExitCode {
        switch self {
        case .socketDirectoryMissing: .cannotCreate
        case .listen(_, let error):
            switch error {
            case .addressInUse: .unavailable
            case .notASocket, .directoryMissing: .cannotCreate
            case .permissionDenied, .groupNotAllowed: .noPermission
            case .notListening: .usage
            case .refused, .host: .osError
            }
        case .inheritedDescriptor, .descriptorNotPassed: .usage
        case .endpoint(_, _, let error):
            switch error.errno {
            case .permissionDenied, .notPermitted: .noPermission
            default: .cannotCreate
            }
        case .transcript(_, _, let refusal):
            switch refusal {
            case .directoryMissing, .directoryUnknown, .notAFile: .cannotCreate
            case .takenBy: .usage
            case .failed(let error):
                [.permissionDenied, .notPermitted, .readOnlyFileSystem].contains(error.errno) ? .noPermission : .osError
            }
        case .sandbox(.notRoot), .sandbox(.peersHidden): .usage
        case .sandbox(.noLandlock): .configuration
        case .sandbox, .system: .osError
        }
    }
}
