import ClientProtocols
import FoundationEssentials
import Glibc
import LinuxIO
import SystemPackage

/// A program with the port as its standard input and output.
final class ServedProgram: NearSide {
    private let words: [String]
    private let portName: String
    private var process: pid_t?

    /// After its input has ended it may take so long, and as long again after SIGTERM.
    private let graceSeconds: Double

    let ending = Relay.Ending.portOrNear

    /// - Parameters:
    ///   - words: the program and its arguments.
    ///   - portName: for the program, as `VSERIAL_PORT`.
    ///   - graceSeconds: how long it may take to end by itself.
    init(_ words: [String], portName: String, graceSeconds: Double) {
        self.words = words
        self.portName = portName
        self.graceSeconds = graceSeconds
    }

    func open() throws(CommandFailure) -> SocketEnd {
        let pair = try CommandFailure.host { () throws(SystemError) in try UnixStream.pair() }
        process = try spawn(on: pair.second.rawValue)
        return SocketEnd(pair.first)
    }

    func hasEnded() -> Bool {
        guard let process else { return true }
        // Not reaped yet: until then the number is nobody else's.
        var information = unsafe siginfo_t()
        let code = unsafe waitid(P_PID, id_t(process), &information, WEXITED | WNOHANG | WNOWAIT)
        // Zero when there is nothing to tell.
        return unsafe code == 0 && information.si_signo != 0
    }

    func close(_ end: SocketEnd, signals: ServiceSignals) throws(CommandFailure) {
        guard let process else { return }
        try? end.end()
        var failure: CommandFailure?
        for signal in [nil, SIGTERM, SIGKILL] {
            // The whole group: a shell's children too.
            if let signal { kill(-process, signal) }
            let deadline = Deadline(seconds: graceSeconds)
            while !hasEnded(), !deadline.hasPassed {
                do throws(CommandFailure) {
                    try discard(from: end, signals: signals, until: deadline)
                } catch {
                    // We are to end: the program has had its time.
                    failure = error
                    break
                }
            }
            if hasEnded() { break }
        }
        reap(process)
        self.process = nil
        if let failure { throw failure }
    }

    /// What it still says is for nobody, and must not keep it from ending.
    private func discard(
        from end: SocketEnd, signals: ServiceSignals, until deadline: Deadline
    ) throws(CommandFailure) {
        var entries = [signals.descriptor, end.descriptor].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        if hasSaidAll { entries[1].fd = -1 }
        try Readiness.wait(for: &entries, until: deadline)
        if entries[1].revents != 0 {
            var words: [UInt8] = []
            switch try end.read(appendingTo: &words, atMost: 65536) {
            case .endOfFile, .reset: hasSaidAll = true
            case .bytes, .wouldBlock: break
            }
        }
        try signals.check()
    }

    /// Whether its side of the socket is closed: poll(2) would not wait any more.
    private var hasSaidAll = false

    private func reap(_ process: pid_t) {
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0, errno == EINTR {}
        let name = PrintableText.escaping(words[0])
        let signal = status & 0x7F
        Command.printError(
            signal == 0 ? "\(name) ended with exit code \(status >> 8 & 0xFF)" : "\(name) was ended by signal \(signal)"
        )
    }

    private func spawn(on descriptor: Int32) throws(CommandFailure) -> pid_t {
        hasSaidAll = false
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, STDIN_FILENO)
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, STDOUT_FILENO)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        // What we block and ignore is our own affair.
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        unsafe posix_spawnattr_setsigmask(&attributes, &signals)
        unsafe sigaddset(&signals, SIGPIPE)
        unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
        let flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP
        unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
        let variables = ProcessInfo.processInfo.environment.merging(["VSERIAL_PORT": portName]) { $1 }
        // SAFETY: strdup(3) gives strings of our own, which are freed when the kernel has copied them.
        var arguments = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe arguments.indices { unsafe free(arguments[index]) } }
        var environment = unsafe variables.map { unsafe strdup("\($0)=\($1)") } + [nil]
        defer { for index in unsafe environment.indices { unsafe free(environment[index]) } }
        var process: pid_t = 0
        let code = unsafe posix_spawnp(&process, words[0], &actions, &attributes, &arguments, &environment)
        guard code == 0 else { throw .usage("cannot run \(words[0]): \(Errno(rawValue: code))") }
        return process
    }
}
