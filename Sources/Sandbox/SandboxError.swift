package import LinuxIO

/// Why the process is not shut in as it was asked to be. The operator's to repair, or the host's.
package enum SandboxError: Error, Equatable, CustomStringConvertible {
    /// A step failed: what it was for, and the call.
    case step(String, SystemError)
    /// libcap-ng or libseccomp refused: the function and what it returned.
    case library(String, Int32)
    /// Another user was asked for, and only root can become one.
    case notRoot
    /// The kernel has no Landlock, or it is turned off.
    case noLandlock
    /// A user namespace hides the peers that an allow list is about.
    case peersHidden
    /// Other threads exist already, which no step would bind.
    case tooLate(threadCount: Int)
    /// A look at /proc shows something else than what was asked for.
    case notAsAsked(String)

    package var description: String {
        switch self {
        case .step(let purpose, let error): "sandbox: \(purpose): \(error): try another --sandbox, or none."
        case .library(let function, let result): "sandbox: \(function) failed with \(result)."
        case .notRoot: "--user and --group need root: start as root, or as that user without them."
        case .noLandlock: "--sandbox=landlock: this kernel has no Landlock: use namespace, or none."
        case .peersHidden:
            "--sandbox=namespace without root hides who connects from allow-uids= and allow-gids=: use landlock."
        case .tooLate(let threadCount): "sandbox: \(threadCount) threads run already; this is a defect of the program."
        case .notAsAsked(let finding): "sandbox: not as asked: \(finding)."
        }
    }
}
