import Glibc
import LinuxIO
import Testing

/// `share/guest/vserial-file` on one end of a socket, run by the shells that guests have.
final class GuestScript {
    private let process: pid_t

    /// Where the script is: beside this file's package.
    static let path: String = {
        let here = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return here.dropLast(4).joined(separator: "/") + "/share/guest/vserial-file"
    }()

    /// Starts the script on a connection that is already there.
    ///
    /// - Parameters:
    ///   - shell: words that run a script.
    ///   - action: `recv` or `send`.
    ///   - file: the guest's.
    ///   - connection: closed here; the script has it.
    /// - Throws: when it cannot be started.
    init(shell: [String], action: String, file: String, on connection: consuming UnixStream) throws {
        // A shell expects to wait.
        try #require(fcntl(connection.rawValue, F_SETFL, 0) == 0)
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, connection.rawValue, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, connection.rawValue, STDOUT_FILENO)
        let words = shell + [Self.path, action, "-", file]
        var argv = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe argv.indices { unsafe free(argv[index]) } }
        var started: pid_t = 0
        var environment = unsafe [strdup("PATH=/usr/bin:/bin"), nil]
        defer { unsafe free(environment[0]) }
        try #require(unsafe posix_spawn(&started, words[0], &actions, nil, &argv, &environment) == 0)
        process = started
    }

    /// The script's exit code.
    func wait() -> Int32 {
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        return status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
    }

    /// The shells there are: dash, and busybox with its own dd, head and sha256sum.
    static let shells: [[String]] = [["/bin/dash"], ["/usr/bin/bash"], ["/usr/bin/busybox", "sh"]]
        .filter { unsafe access($0[0], X_OK) == 0 }
}
