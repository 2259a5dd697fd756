import Glibc
import LinuxIO
import SystemPackage

/// Standard input and output as ends of a relay.
enum StandardStream {
    static func input() throws(CommandFailure) -> any ByteSource {
        try isSocket(STDIN_FILENO) ? socket(STDIN_FILENO) : file(STDIN_FILENO, O_RDONLY)
    }

    static func output() throws(CommandFailure) -> any ByteSink {
        try isSocket(STDOUT_FILENO) ? socket(STDOUT_FILENO) : file(STDOUT_FILENO, O_WRONLY)
    }

    private static func isSocket(_ number: Int32) throws(CommandFailure) -> Bool {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw failure("fstat") }
        return status.st_mode & S_IFMT == S_IFSOCK
    }

    private static func socket(_ number: Int32) throws(CommandFailure) -> SocketEnd {
        SocketEnd(UnixStream(adopting: try duplicate(number)))
    }

    /// Opened once more: O_NONBLOCK belongs to the open file, which the shell and other programs of a pipeline share.
    static func file(_ number: Int32, _ access: Int32) throws(CommandFailure) -> FileEnd {
        var status = stat()
        guard unsafe fstat(number, &status) == 0 else { throw failure("fstat") }
        // A file of its own would have another offset, and is never waited for.
        guard status.st_mode & S_IFMT != S_IFREG else { return FileEnd(try duplicate(number)) }
        let flags = access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
        let again = unsafe open("/proc/self/fd/\(number)", flags)
        // Another user's terminal, after su(1), cannot be opened again.
        return FileEnd(again >= 0 ? OwnedFileDescriptor(adopting: again) : try duplicate(number))
    }

    private static func duplicate(_ number: Int32) throws(CommandFailure) -> OwnedFileDescriptor {
        let copy = fcntl(number, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw failure("fcntl(F_DUPFD_CLOEXEC)") }
        return OwnedFileDescriptor(adopting: copy)
    }

    private static func failure(_ call: String) -> CommandFailure {
        .system(SystemError(call: call, errno: Errno(rawValue: errno)))
    }
}
