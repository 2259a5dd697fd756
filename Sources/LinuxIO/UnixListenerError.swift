import SystemPackage

/// Why a socket does not listen; for the operator, who can do something about every case but the last.
public enum UnixListenerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Somebody listens there, or uses the address for a socket of another kind. A path, or `@name`.
    case addressInUse(String)

    /// There is something at the path that is no socket (a symbolic link is none, wherever it leads). It was left
    /// alone.
    case notASocket(String)

    /// The directory of the path does not exist, or is no directory. Directories are never made here.
    case directoryMissing(String)

    /// The rights of this process do not suffice to make the socket at the path, or to find out whether somebody
    /// listens there.
    case permissionDenied(String)

    /// This process may not give the socket at the path to that group: it is not a member.
    case groupNotAllowed(String, group: UInt32)

    /// The inherited descriptor is a UNIX stream socket on which nobody called `listen(2)`.
    case notListening(descriptor: Int32)

    /// A system call about the path failed for a reason that has no case of its own.
    case refused(String, SystemError)

    /// A system call about an inherited descriptor failed for a reason that has no case of its own.
    case host(SystemError)

    /// Sorts what a call about `path` failed with.
    init(_ error: SystemError, path: String) {
        switch error.errno {
        case .addressInUse: self = .addressInUse(path)
        case .noSuchFileOrDirectory, .notDirectory: self = .directoryMissing(path)
        case .permissionDenied, .notPermitted: self = .permissionDenied(path)
        default: self = .refused(path, error)
        }
    }

    /// One sentence for the operator.
    public var description: String {
        switch self {
        case .addressInUse(let path): "\(path) is in use: another program listens there"
        case .notASocket(let path): "\(path) exists and is no socket"
        case .directoryMissing(let path): "the directory of \(path) does not exist"
        case .permissionDenied(let path): "no permission to make the socket \(path)"
        case .groupNotAllowed(let path, let group):
            "no permission to give the socket \(path) to group \(group): not a member"
        case .notListening(let descriptor): "descriptor \(descriptor) is a socket that does not listen"
        case .refused(let path, let error): "\(path): \(error)"
        case .host(let error): error.description
        }
    }
}
