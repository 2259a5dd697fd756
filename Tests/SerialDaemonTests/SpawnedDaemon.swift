import Glibc
import Testing

/// The real program, run with stdout and stderr in one pipe; killed with the value.
final class SpawnedDaemon {
    struct Exit: Equatable {
        /// The exit code, or 128 and the signal, as a shell has it.
        var code: Int32
        var output: String
    }

    let process: pid_t
    private let outputReader: Int32
    /// Kept to fill the pipe with.
    private let outputWriter: Int32
    /// The other end is a descriptor of the program that it knows nothing of: this one hangs up when the program ends.
    private let life: Int32
    private var output: [UInt8] = []
    private var isReaped = false

    /// Beside the test bundle, where SwiftPM puts every product.
    private static let program: String = {
        let path = linkTarget("/proc/self/exe")
        return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)]) + "/vhost-user-serial"
    }()

    /// POSIX_SPAWN_SETSID: in <spawn.h>, behind _GNU_SOURCE.
    private static let newSession: Int16 = 0x80
    /// Far longer than anything here takes.
    private static let patienceMilliseconds: Int32 = 10_000
    /// Where the program has its end of ``life``: beyond what it opens itself.
    private static let lifeDescriptor: Int32 = 200

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - arguments: without the program's name.
    ///   - inherited: what the program gets as descriptor 3.
    ///   - terminal: the path of what the program gets as standard input.
    ///   - isForeground: whether the terminal becomes the program's own, as a shell's is for the job that it waits for.
    ///   - closing: descriptors that the program starts without.
    /// - Throws: when it cannot be started.
    init(
        _ arguments: [String], inherited: Int32? = nil, terminal: String? = nil, isForeground: Bool = true,
        closing: [Int32] = []
    ) throws {
        (outputReader, outputWriter) = try Self.makePipe()
        let lifeWriter: Int32
        (life, lifeWriter) = try Self.makePipe()
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for descriptor in [STDOUT_FILENO, STDERR_FILENO] {
            unsafe posix_spawn_file_actions_adddup2(&actions, outputWriter, descriptor)
        }
        unsafe posix_spawn_file_actions_adddup2(&actions, lifeWriter, Self.lifeDescriptor)
        if let inherited { unsafe posix_spawn_file_actions_adddup2(&actions, inherited, 3) }
        // The first terminal that a session's leader opens becomes the session's.
        if let terminal {
            let flags = O_RDWR | (isForeground ? 0 : O_NOCTTY)
            unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, terminal, flags, 0)
        }
        for descriptor in closing { unsafe posix_spawn_file_actions_addclose(&actions, descriptor) }
        // The threads of a test process may have signals blocked, and a new program keeps that.
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        unsafe sigemptyset(&none)
        unsafe posix_spawnattr_setsigmask(&attributes, &none)
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK) | (terminal == nil ? 0 : Self.newSession))
        var argv = unsafe ([Self.program] + arguments).map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe argv.indices { unsafe free(argv[index]) } }
        var process: pid_t = 0
        let status = unsafe posix_spawn(&process, Self.program, &actions, &attributes, &argv, environ)
        close(lifeWriter)
        self.process = process
        isReaped = status != 0
        try #require(status == 0, "cannot run \(Self.program)")
    }

    deinit {
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
        for descriptor in [outputReader, outputWriter, life] { close(descriptor) }
    }

    func send(_ signal: Int32) { kill(process, signal) }

    /// What one of the program's descriptors is, as /proc names it.
    func target(of descriptor: Int32) -> String { Self.linkTarget("/proc/\(process)/fd/\(descriptor)") }

    private static func linkTarget(_ path: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = unsafe readlink(path, &buffer, buffer.count)
        return String(decoding: buffer.prefix(max(count, 0)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// Fills the pipe, so that the program cannot write to stderr any more.
    func stallOutput() throws {
        // An open file of our own: the flag must not reach the program's.
        let writer = unsafe open("/proc/self/fd/\(outputWriter)", O_WRONLY | O_NONBLOCK | O_CLOEXEC)
        try #require(writer >= 0)
        defer { close(writer) }
        let zeros = [UInt8](repeating: 0, count: 4096)
        while unsafe write(writer, zeros, zeros.count) > 0 {}
    }

    /// Waits until the program has printed `text` so many times, or has ended.
    func waitForOutput(_ text: String, times: Int = 1) -> Bool {
        while String(decoding: output, as: UTF8.self).ranges(of: text).count < times {
            guard readOutput(waiting: Self.patienceMilliseconds) else { return false }
        }
        return true
    }

    /// Waits for the end without reading what the program prints.
    func wait() -> Exit {
        var descriptor = pollfd(fd: life, events: 0, revents: 0)
        if unsafe poll(&descriptor, 1, Self.patienceMilliseconds) != 1 { kill(process, SIGKILL) }
        var status: Int32 = 0
        unsafe waitpid(process, &status, 0)
        isReaped = true
        while readOutput(waiting: 0) {}
        let code = status & 0x7F == 0 ? status >> 8 & 0xFF : 128 + status & 0x7F
        return Exit(code: code, output: String(decoding: output.filter { $0 != 0 }, as: UTF8.self))
    }

    private func readOutput(waiting milliseconds: Int32) -> Bool {
        var descriptors = [
            pollfd(fd: outputReader, events: Int16(POLLIN), revents: 0), pollfd(fd: life, events: 0, revents: 0),
        ]
        _ = unsafe poll(&descriptors, 2, milliseconds)
        guard Int32(descriptors[0].revents) & POLLIN != 0 else { return false }
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe read(outputReader, &buffer, buffer.count)
        output += buffer.prefix(max(count, 0))
        return count > 0
    }

    private static func makePipe() throws -> (reader: Int32, writer: Int32) {
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        // Tests that start programs run one after the other, so that none can start in between.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }
}

/// A directory of its own, removed with everything in it.
final class TemporaryDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/vus-XXXXXX".utf8CString)
        try #require(unsafe mkdtemp(&template) != nil)
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        for name in names { unsafe unlink("\(path)/\(name)") }
        unsafe rmdir(path)
    }

    /// Sorted.
    var names: [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// The permission bits of a file in it.
    func mode(of name: String) -> UInt32 {
        var status = stat()
        return unsafe lstat("\(path)/\(name)", &status) == 0 ? status.st_mode & 0o7777 : 0
    }

    /// Makes a file in it.
    func write(_ bytes: [UInt8], to name: String) throws {
        let file = unsafe open("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(file >= 0)
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            try #require(count > 0)
            rest = rest.dropFirst(count)
        }
    }
}
