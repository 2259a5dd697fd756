import Glibc

/// A process that we started. It dies with us, whatever ends us.
final class Child {
    let name: String
    let processID: pid_t
    private var hasEnded = false

    /// Starts a program.
    ///
    /// `arguments` has the program first, looked up in PATH. It runs on `processor` only, when there is one; inherits
    /// `descriptors` under the same numbers; and what it says is appended to the file `log`.
    init(
        _ name: String, _ arguments: [String], processor: Int? = nil, descriptors: [Int32] = [], log: String
    ) throws {
        self.name = name
        // PR_SET_PDEATHSIG and the affinity survive execve(2).
        var command = ["setpriv", "--pdeathsig", "KILL", "--"]
        if let processor { command += ["taskset", "-c", String(processor)] }
        processID = try Self.spawn(command + arguments, descriptors, log)
    }

    deinit { end() }

    /// Ends the process at once, and reaps it.
    func end() {
        guard !hasEnded else { return }
        kill(processID, SIGKILL)
        var status: Int32 = 0
        _ = unsafe waitpid(processID, &status, 0)
        hasEnded = true
    }

    /// Fails when the process has ended by itself.
    func check() throws {
        var status: Int32 = 0
        guard !hasEnded, unsafe waitpid(processID, &status, WNOHANG) == processID else { return }
        hasEnded = true
        throw BenchmarkError("\(name) has ended (status \(status)); see its log")
    }

    private static func spawn(_ arguments: [String], _ descriptors: [Int32], _ log: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var processID: pid_t = 0
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        for number in descriptors {
            // Onto itself: glibc clears its close-on-exec flag then.
            unsafe posix_spawn_file_actions_adddup2(&actions, number, number)
        }
        let strings = unsafe arguments.map { unsafe strdup($0) } + [nil]
        // SAFETY: strdup(3) gave these to us, and posix_spawnp(3) is done with them when it returns.
        defer { unsafe strings.forEach { unsafe free($0) } }
        let result = unsafe posix_spawnp(&processID, arguments[0], &actions, nil, strings, environ)
        guard result == 0 else { throw BenchmarkError("cannot start \(arguments[0]): errno \(result)") }
        return processID
    }
}
