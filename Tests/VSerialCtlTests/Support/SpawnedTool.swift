import Glibc
import LinuxIO
import Testing

/// The real program, with stdout and stderr apart from each other; killed with the value.
final class SpawnedTool {
    struct Result: Equatable {
        /// The exit code, or 128 and the signal, as a shell has it.
        var code: Int32
        var output: String
        var errors: String
    }

    let process: pid_t
    private let output: UnixStream
    private let errors: UnixStream
    private var failures: [UInt8] = []
    private var isReaped = false

    static let environment = ["TZ=UTC", "PATH=/usr/bin:/bin"]

    /// Far longer than anything here takes.
    static let patienceMilliseconds: Int32 = 20_000

    /// Beside the test bundle, where SwiftPM puts every product.
    static let program: String = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
        let path = String(decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) + "/vserialctl"
    }()

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - environment: all of it.
    ///   - ignoringSIGPIPE: as some supervisors start programs.
    ///   - program: another one.
    ///   - keepsInput: whether it has an input that never comes, in place of none.
    /// - Throws: when it cannot be started.
    init(
        _ arguments: [String], environment: [String] = SpawnedTool.environment, ignoringSIGPIPE: Bool = false,
        program: String = SpawnedTool.program, keepsInput: Bool = false
    ) throws {
        let outputs = try UnixStream.pair()
        let failures = try UnixStream.pair()
        process = try Self.spawn(
            arguments, environment: environment, output: outputs.second.rawValue, errors: failures.second.rawValue,
            ignoringSIGPIPE: ignoringSIGPIPE, program: program, keepsInput: keepsInput)
        output = outputs.first
        errors = failures.first
    }

    deinit {
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// Runs the program to its end.
    static func run(
        _ arguments: [String], environment: [String] = SpawnedTool.environment, program: String = SpawnedTool.program
    ) throws -> Result {
        try SpawnedTool(arguments, environment: environment, program: program).wait()
    }

    /// Closes the reading end of what is printed, as `head` does when it has seen enough.
    func stopReadingOutput() throws { try output.shutdownReceive() }

    /// Waits until the program has printed something.
    func waitForOutput() throws {
        var entry = pollfd(fd: output.rawValue, events: Int16(POLLIN), revents: 0)
        try #require(unsafe poll(&entry, 1, Self.patienceMilliseconds) == 1)
    }

    /// Waits until the program has complained of something; ``wait()`` still has it.
    func waitForErrors(_ text: String) throws {
        while !String(decoding: failures, as: UTF8.self).contains(text) {
            var entry = pollfd(fd: errors.rawValue, events: Int16(POLLIN), revents: 0)
            let said = String(decoding: failures, as: UTF8.self)
            try #require(unsafe poll(&entry, 1, Self.patienceMilliseconds) == 1, "only \(said.debugDescription)")
            try #require(try isMore(errors, &failures), "ended after \(said.debugDescription)")
        }
    }

    /// Reads what is printed, and waits for the end.
    func wait() throws -> Result {
        var printed: [UInt8] = []
        var isOpen = [true, true]
        while isOpen.contains(true) {
            var entries = [
                pollfd(fd: isOpen[0] ? output.rawValue : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: isOpen[1] ? errors.rawValue : -1, events: Int16(POLLIN), revents: 0),
            ]
            if unsafe poll(&entries, 2, Self.patienceMilliseconds) == 0 {
                kill(process, SIGKILL)
                Issue.record("the program did not end")
                break
            }
            if isOpen[0] { isOpen[0] = try isMore(output, &printed) }
            if isOpen[1] { isOpen[1] = try isMore(errors, &failures) }
        }
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        isReaped = true
        return Result(
            code: status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F,
            output: String(decoding: printed, as: UTF8.self), errors: String(decoding: failures, as: UTF8.self))
    }

    private func isMore(_ stream: borrowing UnixStream, _ bytes: inout [UInt8]) throws -> Bool {
        switch try stream.receive(appendingTo: &bytes, atMost: 65536) {
        case .bytes, .wouldBlock: true
        case .endOfFile, .reset: false
        }
    }

    private static func spawn(
        _ arguments: [String], environment: [String], output: Int32, errors: Int32, ignoringSIGPIPE: Bool,
        program: String, keepsInput: Bool
    ) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        if keepsInput {
            // The other direction of the output, which nobody writes to.
            unsafe posix_spawn_file_actions_adddup2(&actions, output, STDIN_FILENO)
        } else {
            unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, errors, STDERR_FILENO)
        return try unsafe spawn(
            arguments, environment: environment, actions: &actions, ignoringSIGPIPE: ignoringSIGPIPE,
            program: program)
    }

    /// Starts the program with the signals of a shell's child.
    static func spawn(
        _ arguments: [String], environment: [String],
        actions: inout posix_spawn_file_actions_t,
        ignoringSIGPIPE: Bool = false, program: String = SpawnedTool.program, flags: Int32 = 0
    ) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        var all = sigset_t()
        unsafe sigfillset(&all)
        unsafe posix_spawnattr_setsigdefault(&attributes, &all)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags))
        // A signal that a program ignores when it becomes another one stays ignored.
        let words = ignoringSIGPIPE ? ["/bin/sh", "-c", #"trap '' PIPE; exec "$0" "$@""#, program] : [program]
        var argv = unsafe (words + arguments).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe argv.indices { unsafe free(argv[index]) } }
        var variables = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe variables.indices { unsafe free(variables[index]) } }
        var process: pid_t = 0
        let status = unsafe posix_spawn(&process, words[0], &actions, &attributes, &argv, &variables)
        try #require(status == 0, "cannot run \(program)")
        return process
    }
}
