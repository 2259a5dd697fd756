import Glibc
import LinuxIO
import SystemPackage

/// Appends what comes from the port to a file.
final class LogFilter: RelayFilter {
    private let file: OwnedFileDescriptor
    private let path: String

    /// Opens the file, or makes it: readable by its owner alone, because people type passwords on consoles.
    init(path: String) throws(CommandFailure) {
        let number = unsafe open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY | O_CLOEXEC, 0o600)
        guard number >= 0 else { throw .usage("--log \(path): \(Errno(rawValue: errno))") }
        file = OwnedFileDescriptor(adopting: number)
        self.path = path
    }

    func pass(_ piece: inout [UInt8]) throws(CommandFailure) -> RelayVerdict {
        var rest = piece[...]
        while !rest.isEmpty {
            // SAFETY: the buffer is valid during the call.
            let count = unsafe rest.withUnsafeBytes { buffer in
                unsafe write(file.rawValue, buffer.baseAddress, buffer.count)
            }
            guard count < 0 else {
                rest = rest.dropFirst(count)
                continue
            }
            let error = Errno(rawValue: errno)
            guard error == .interrupted else { throw .incomplete("--log \(path): \(error)") }
        }
        return .goOn
    }
}
