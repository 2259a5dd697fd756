package import LinuxIO

/// Why a transcript cannot be written to a file.
package enum TranscriptRefusal: Error, Equatable, Sendable {
    case directoryMissing(String)
    /// At run time: the sandbox has only the directories that were named at the start.
    case directoryUnknown(String)
    /// A directory, a device, a symbolic link.
    case notAFile
    /// The transcript of another port goes there, or what is put aside of it.
    case takenBy(port: String)
    case failed(SystemError)
}

extension TranscriptRefusal: CustomStringConvertible {
    package var description: String {
        switch self {
        case .directoryMissing(let directory): "there is no directory \(directory)"
        case .directoryUnknown(let directory):
            "the daemon was started with nothing in \(directory): only directories of its sockets and files are in reach"
        case .notAFile: "what is there is no regular file"
        case .takenBy(let port): "port \(port) writes its own there"
        case .failed(let error): "\(error)"
        }
    }
}
