import Glibc
import LinuxIO
import SystemPackage

/// What is printed. Whoever reads it may leave at any time, as `head -1` does.
enum StandardOutput {
    /// Writes all of a text at once: a line is never half a line for whoever reads along.
    ///
    /// - Throws: ``CommandFailure/outputClosed`` when nobody reads any more.
    static func write(_ text: String) throws(CommandFailure) {
        try write(Array(text.utf8))
    }

    /// Writes bytes.
    ///
    /// - Throws: ``CommandFailure/outputClosed`` when nobody reads any more.
    static func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var start = 0
        while start < bytes.count {
            // SAFETY: the pointer is used within the closure, and stays inside of the array: start < count.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(STDOUT_FILENO, buffer.baseAddress?.advanced(by: start), buffer.count - start)
            }
            if count >= 0 {
                start += count
            } else {
                try recover(from: Errno(rawValue: errno))
            }
        }
    }

    /// Whether a person looks at it.
    static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    private static func recover(from error: Errno) throws(CommandFailure) {
        switch error {
        case .interrupted: return
        // Somebody made the terminal non-blocking, which all programs on it share.
        case .wouldBlock:
            var entry = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
            _ = unsafe poll(&entry, 1, -1)
        // EIO: the terminal was closed.
        case .brokenPipe, .ioError: throw .outputClosed
        default: throw .system(SystemError(call: "write", errno: error))
        }
    }
}
