import Glibc
import LinuxIO
import SystemPackage

/// The metrics as a file, for a collector that reads a directory (node_exporter's textfile collector): written anew
/// every few seconds, beside the file first and then put in its place, so that nobody reads half of it.
///
/// ## Concurrency
/// On the control thread.
final class MetricsFile {
    /// How often it is written: as often as collectors usually look.
    static let intervalNanoseconds: UInt64 = 15_000_000_000

    private let path: String
    private let temporaryPath: String
    /// Fires when it is due.
    private let timer: TimerFileDescriptor
    private var hasFailed = false

    /// - Parameter path: absolute, without symbolic links; its directory is within reach.
    /// - Throws: the host's error.
    init(path: String) throws(SystemError) {
        self.path = path
        // Not `.prom`, which a collector would read.
        temporaryPath = path + ".new"
        timer = try TimerFileDescriptor()
        try timer.arm(afterNanoseconds: 1)
    }

    /// Readable when it is due. Borrowed.
    var descriptor: Int32 { timer.rawValue }

    /// Waits for the next time.
    func rearm() throws(SystemError) {
        try timer.drain()
        try timer.arm(afterNanoseconds: Self.intervalNanoseconds)
    }

    /// Puts a text in the file's place.
    ///
    /// - Returns: what to tell the operator: the first failure, and that it works again.
    func write(_ text: String) -> String? {
        do throws(SystemError) {
            try replace(Array(text.utf8))
        } catch {
            defer { hasFailed = true }
            return hasFailed ? nil : "\(path.escaped) cannot be written: \(error)"
        }
        defer { hasFailed = false }
        return hasFailed ? "\(path.escaped) is written again" : nil
    }

    /// Removes the file: of a daemon that has ended there is nothing to tell.
    func remove() {
        _ = unsafe unlink(path)
    }

    private func replace(_ bytes: [UInt8]) throws(SystemError) {
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
        let number = unsafe open(temporaryPath, flags, 0o600)
        guard number >= 0 else { throw SystemError(call: "open", errno: Errno(rawValue: errno)) }
        let file = OwnedFileDescriptor(adopting: number)
        // Everybody may read it, whatever the umask: the collector is another user.
        guard fchmod(number, 0o644) == 0 else {
            throw SystemError(call: "fchmod", errno: Errno(rawValue: errno))
        }
        try file.write(bytes)
        guard unsafe rename(temporaryPath, path) == 0 else {
            throw SystemError(call: "rename", errno: Errno(rawValue: errno))
        }
    }
}
