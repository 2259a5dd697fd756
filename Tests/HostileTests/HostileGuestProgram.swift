import Glibc
import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemonTests

/// The guest's half of memory in another process, which changes it while the device reads: Tests/HostileGuest.
final class HostileGuestProgram {
    private let process: pid_t
    private var status: Int32?
    /// Reads what the program prints: at most what a pipe holds, once it has ended.
    private let outputReader: Int32
    private(set) var output = ""

    /// Starts the program.
    ///
    /// - Parameters:
    ///   - memory: what it maps, of its first region.
    ///   - arguments: from the word that says what it is to do.
    ///   - events: eventfds, for which the arguments have ``number(of:)``.
    init(memory: TestMemory, _ arguments: [String], events: [Int32]) throws {
        let program = try Self.path
        let region = memory.regions[0]
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_adddup2(&actions, memory.file.rawValue, Self.number(of: -1))
        for (index, event) in events.enumerated() {
            unsafe posix_spawn_file_actions_adddup2(&actions, event, Self.number(of: index))
        }
        let words =
            [program, "\(Self.number(of: -1))", "\(region.fileOffset)", "\(region.guestBase)"] + arguments
        var argv = unsafe words.map { unsafe strdup($0) } + [nil]
        defer { for index in unsafe argv.indices { unsafe free(argv[index]) } }
        var ends: [Int32] = [0, 0]
        try #require(unsafe pipe(&ends) == 0)
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        outputReader = ends[0]
        unsafe posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        var process: pid_t = 0
        let result = unsafe posix_spawn(&process, program, &actions, nil, &argv, environ)
        close(ends[1])
        self.process = process
        try #require(result == 0, "cannot run \(program)")
    }

    deinit {
        guard !hasEnded else { return }
        kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(outputReader)
    }

    /// Where an event is in the program: beyond whatever a test has open.
    static func number(of index: Int) -> Int32 { Int32(901 + index) }

    /// Whether the program is done.
    var hasEnded: Bool {
        if status == nil {
            var status: Int32 = 0
            if unsafe waitpid(process, &status, WNOHANG) == process {
                self.status = status
                takeOutput()
            }
        }
        return status != nil
    }

    private func takeOutput() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(outputReader, &bytes, bytes.count)
        output = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        close(outputReader)
    }

    /// Whether it was content.
    var hasSucceeded: Bool { hasEnded && status == 0 }

    /// Beside the test bundle, where SwiftPM puts every product.
    private static var path: String {
        get throws {
            var buffer = [CChar](repeating: 0, count: 4096)
            let count = unsafe readlink("/proc/self/exe", &buffer, buffer.count)
            try #require(count > 0)
            let bundle = String(decoding: buffer.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self)
            return String(bundle[..<(bundle.lastIndex(of: "/") ?? bundle.endIndex)])
                + "/vhost-user-serial-hostile-guest"
        }
    }
}
