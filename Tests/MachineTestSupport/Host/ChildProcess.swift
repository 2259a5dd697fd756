import FoundationEssentials
package import Glibc

/// A process that we started. It dies with us, whatever ends us.
package final class ChildProcess {
    package enum Exit: Equatable {
        case code(Int32)
        case signal(Int32)
    }

    package let name: String
    package let processID: pid_t
    private var exit: Exit?

    /// Starts a program, looked up in PATH. Its output and errors are appended to the file `output`.
    package init(_ name: String, _ arguments: [String], environment: [String: String] = [:], output: String) throws {
        self.name = name
        // PR_SET_PDEATHSIG survives execve(2), so it holds for a script's last exec too.
        let command = ["setpriv", "--pdeathsig", "KILL", "--"] + arguments
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        processID = try Self.spawn(command, variables, output: output)
    }

    deinit {
        if exit == nil { kill() }
    }

    package func send(signal: Int32) { Glibc.kill(processID, signal) }

    /// Ends the process at once, and reaps it.
    package func kill() {
        send(signal: SIGKILL)
        _ = try? waitForExit(within: .seconds(10))
    }

    /// How the process ended, or `nil` while it runs.
    package func pollExit() -> Exit? {
        var status: Int32 = 0
        if exit == nil, unsafe waitpid(processID, &status, WNOHANG) == processID {
            exit = status & 0x7f == 0 ? .code(status >> 8 & 0xff) : .signal(status & 0x7f)
        }
        return exit
    }

    package func waitForExit(within duration: Duration) throws -> Exit {
        let deadline = Deadline(within: duration)
        while true {
            if let exit = pollExit() { return exit }
            try expect(!deadline.hasPassed, "\(name) did not end within \(duration)")
            _ = Signals.next(of: [SIGCHLD], by: deadline)
        }
    }

    /// Runs a program to its end and returns what it wrote; fails unless the exit code is 0.
    package static func output(
        of arguments: [String], in directory: String, within duration: Duration = .seconds(60)
    ) throws -> String {
        let file = "\(directory)/output-\(UUID().uuidString)"
        defer { unsafe unlink(file) }
        let process = try ChildProcess(arguments[0], arguments, output: file)
        let exit = try process.waitForExit(within: duration)
        let text = String(decoding: FileManager.default.contents(atPath: file) ?? Data(), as: UTF8.self)
        try expect(exit == .code(0), "\(arguments.joined(separator: " ")): \(exit) \(text)")
        return text
    }

    private static func spawn(_ arguments: [String], _ variables: [String], output: String) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var noSignals = sigset_t()
        var processID: pid_t = 0
        // SAFETY: every pointer handed out below is used only during the call it is given to; the two C objects are
        // initialised first and destroyed last.
        let result = unsafe withCStrings(arguments) { argv in
            unsafe withCStrings(variables) { envp in
                unsafe posix_spawn_file_actions_init(&actions)
                unsafe posix_spawnattr_init(&attributes)
                defer {
                    unsafe posix_spawn_file_actions_destroy(&actions)
                    unsafe posix_spawnattr_destroy(&attributes)
                }
                unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
                unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
                unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
                unsafe sigemptyset(&noSignals)
                unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
                unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
                return unsafe posix_spawnp(&processID, arguments[0], &actions, &attributes, argv, envp)
            }
        }
        try expect(result == 0, "cannot start \(arguments[0]): errno \(result)")
        return processID
    }

    /// Calls `body` with a C array of C strings that ends with a null pointer.
    private static func withCStrings<Result>(
        _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
        // SAFETY: strdup(3) gave these to us, and `body` is done with them.
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe body(pointers)
    }
}
