import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import SerialDaemon

@Suite("StartError")
struct StartErrorTests {
    private static let path = "/run/a"
    private static let system = SystemError(call: "bind", errno: .noMemory)

    private static func transcript(_ refusal: TranscriptRefusal) -> StartError {
        .transcript(port: "a", path: path, refusal)
    }

    private static func listen(_ error: UnixListenerError) -> StartError {
        .listen(owner: "--port name=a", error)
    }

    @Test(arguments: [
        (StartError.socketDirectoryMissing("/run/vm1"), ExitCode.cannotCreate),
        (listen(.addressInUse(path)), .unavailable),
        (listen(.notASocket(path)), .cannotCreate),
        (listen(.directoryMissing(path)), .cannotCreate),
        (listen(.permissionDenied(path)), .noPermission),
        (listen(.groupNotAllowed(path, group: 5)), .noPermission),
        (listen(.notListening(descriptor: 3)), .usage),
        (listen(.refused(path, system)), .osError),
        (listen(.host(system)), .osError),
        (.inheritedDescriptor(3, system), .usage),
        (transcript(.directoryMissing("/x")), .cannotCreate),
        (transcript(.notAFile), .cannotCreate),
        (transcript(.takenBy(port: "b")), .usage),
        (transcript(.failed(SystemError(call: "open", errno: .readOnlyFileSystem))), .noPermission),
        (transcript(.failed(SystemError(call: "open", errno: .permissionDenied))), .noPermission),
        (transcript(.failed(system)), .osError),
        (.system(system), .osError),
    ])
    func causeHasItsExitCodeAndOneSentence(error: StartError, exitCode: ExitCode) {
        #expect(error.exitCode == exitCode)
        #expect(error.description.hasSuffix("."))
        #expect(!error.description.contains("\n"))
    }

    @Test func refusalForAReasonOfTheHostNamesThePath() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/vhost.sock"
        // A link where the lock is to be, which is not followed: ELOOP, which has no case of its own.
        try #require(unsafe symlink("/nonexistent", "\(path).lock") == 0)
        let error = #expect(throws: UnixListenerError.self) {
            _ = try UnixListener.bind(to: .path(path), mode: 0o600)
        }
        let sentence = StartError.listen(owner: "--socket-path", try #require(error)).description
        #expect(sentence.hasPrefix("--socket-path: cannot listen at \(path): open: "))
    }
}
