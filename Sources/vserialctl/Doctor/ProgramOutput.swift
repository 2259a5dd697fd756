import Glibc
import LinuxIO

/// What a program has printed to its standard output.
enum ProgramOutput: Equatable {
    case text(String)
    /// There is no such program.
    case notFound
    /// It cannot be run, says that it has failed, or does not come to an end.
    case failed(String)

    /// More is not needed, and not kept.
    private static let maximumByteCount = 1 << 20

    /// Runs a program, found as a shell finds it, and waits for its end.
    ///
    /// The corresponding C function is `posix_spawnp(3)`: no shell looks at the words.
    ///
    /// - Parameters:
    ///   - program: a path or a name.
    ///   - arguments: without the program's name.
    ///   - limit: in seconds; it is killed then.
    /// - Returns: what came of it.
    static func run(_ program: String, _ arguments: [String], limit: Double = 10) -> ProgramOutput {
        let pair: UnixStreamPair
        do throws(SystemError) {
            pair = try UnixStream.pair()
        } catch {
            return .failed("\(error)")
        }
        let spawned = spawn(program, arguments, output: pair.second.rawValue)
        guard spawned.error == 0 else {
            return spawned.error == ENOENT ? .notFound : .failed(unsafe String(cString: strerror(spawned.error)))
        }
        // Ours is the only other copy: the end of the program's output is the end of the file.
        _ = pair.second.takeDescriptor()
        let text = read(pair.first, until: Deadline(seconds: limit))
        if text == nil { _ = kill(spawned.process, SIGKILL) }
        var status: Int32 = 0
        while unsafe waitpid(spawned.process, &status, 0) < 0, errno == EINTR {}
        guard let text else { return .failed("it does not come to an end") }
        return status == 0 ? .text(text) : .failed("it ends with status \(status >> 8 & 0xFF)")
    }

    private static func spawn(
        _ program: String, _ arguments: [String], output: Int32
    ) -> (process: pid_t, error: Int32) {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        unsafe posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        // SAFETY: copies of the words, which live until the call has returned and are freed once.
        var words = unsafe ([program] + arguments).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe words.indices { unsafe free(words[index]) } }
        var process: pid_t = 0
        let error = unsafe posix_spawnp(&process, program, &actions, nil, &words, environ)
        return (process, error)
    }

    /// All that comes until the end; nil when that takes too long.
    private static func read(_ stream: borrowing UnixStream, until deadline: Deadline) -> String? {
        var bytes: [UInt8] = []
        while true {
            var entry = pollfd(fd: stream.rawValue, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&entry, 1, deadline.remainingMilliseconds) <= 0, deadline.hasPassed { return nil }
            switch try? stream.receive(appendingTo: &bytes, atMost: 8192) {
            case .bytes where bytes.count > maximumByteCount: return nil
            case .bytes, .wouldBlock: continue
            case .endOfFile, .reset, nil: return String(decoding: bytes, as: UTF8.self)
            }
        }
    }
}
