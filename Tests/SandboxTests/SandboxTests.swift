import Foundation
import Testing

/// A process that shuts itself in as the daemon does and tries to get out: see Tests/SandboxProbe.
@Suite("Sandbox", .serialized)
struct SandboxTests {
    private let directory = "/tmp/vus-sandbox-\(UUID().uuidString.prefix(8))"
    private static let isRoot = getuid() == 0

    private struct Outcome {
        var status: Int32
        var output: String
    }

    private func probe(_ attempt: String, _ options: String...) throws -> Outcome {
        try FileManager.default.createDirectory(
            atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o777])
        // Past the umask: another user must be able to write there.
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: directory)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let process = Process()
        let folder = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            .deletingLastPathComponent()
        let program = folder.appendingPathComponent("vhost-user-serial-sandbox-probe")
        let arguments = options.filter { $0 != "--without-capabilities" } + ["--directory", directory, attempt]
        if arguments.count < options.count + 3 {
            process.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
            process.arguments = ["--inh-caps=-all", "--bounding-set=-all", program.path] + arguments
        } else {
            process.executableURL = program
            process.arguments = arguments
        }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let status =
            process.terminationReason == .uncaughtSignal ? 128 + process.terminationStatus : process.terminationStatus
        return Outcome(status: status, output: output)
    }

    /// The walls alone, without the list of system calls: each must hold by itself.
    @Test(
        .enabled(if: isRoot, "shutting in as root needs root"),
        arguments: ["namespace", "landlock"],
        ["readPasswords", "climbOut", "writeOutside", "becomeRoot", "executableMemory", "lockMemory"])
    func wallsHoldWithoutTheList(sandbox: String, attempt: String) throws {
        let outcome = try probe(attempt, "--sandbox", sandbox, "--seccomp", "none", "--user", "65534")
        #expect(outcome.output.contains("confinement: \(sandbox)\n"), "\(outcome.output)")
        #expect(outcome.output.contains("refused"), "\(outcome.output)")
    }

    @Test(
        .enabled(if: isRoot, "shutting in as root needs root"),
        arguments: ["namespace", "landlock", "none"], ["control", "device"])
    func neededDirectoryGoesOnWorking(sandbox: String, thread: String) throws {
        // A list that lets the control thread open files, and the device thread not: glibc asks there, so that it is told no.
        let outcome = try probe("writeInside", "--sandbox", sandbox, "--thread", thread, "--user", "65534")
        if thread == "control" {
            #expect(outcome.output.hasSuffix("allowed\n"), "\(outcome.output)")
        } else {
            #expect(outcome.output.contains("refused"), "\(outcome.output)")
        }
    }

    @Test(
        .enabled(if: isRoot, "shutting in as root needs root"),
        arguments: [
            "internetSocket", "unixSocket", "execute", "becomeRoot", "executableMemory", "signalParent", "newNamespace",
        ],
        ["control", "device"])
    func deniedCallEndsTheProcess(attempt: String, thread: String) throws {
        let outcome = try probe(attempt, "--sandbox", "none", "--thread", thread)
        #expect(outcome.status == 128 + SIGSYS, "\(outcome.output)")
        #expect(!outcome.output.contains("allowed"))
    }

    @Test(
        .enabled(if: isRoot, "shutting in as root needs root"), arguments: ["control", "device"])
    func trapSaysWhichCallOfWhichThread(thread: String) throws {
        let outcome = try probe("internetSocket", "--sandbox", "none", "--thread", thread, "--seccomp", "trap")
        #expect(outcome.status == 159, "\(outcome.output)")
        let name = thread == "device" ? "device" : "vhost-user-seri"
        #expect(
            outcome.output.contains("denied system call 41 of thread \(name)\n"), "41 is socket(2): \(outcome.output)")
    }

    @Test(.enabled(if: isRoot, "becoming another user needs root"))
    func withoutRootAUserNamespaceDoes() throws {
        let outcome = try probe("readPasswords", "--as-user", "65534", "--seccomp", "none")
        #expect(outcome.output.hasPrefix("confinement: namespace\n"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix("\nrefused: 2\n"), "there is no such file: \(outcome.output)")
    }

    /// A user namespace would show every peer as nobody.
    @Test(.enabled(if: isRoot, "becoming another user needs root"))
    func withoutRootAnAllowListMeansLandlock() throws {
        let outcome = try probe("readPasswords", "--as-user", "65534", "--seccomp", "none", "--needs-peers")
        #expect(outcome.output.hasPrefix("confinement: landlock\n"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix("\nrefused: 13\n"), "permission denied: \(outcome.output)")
        let forced = try probe("nothing", "--as-user", "65534", "--needs-peers", "--sandbox", "namespace")
        #expect(forced.output.hasPrefix("error: --sandbox=namespace without root"), "\(forced.output)")
    }

    /// As in a container that took everything away.
    @Test(.enabled(if: isRoot, "giving up capabilities needs some"))
    func rootWithoutCapabilitiesIsNobodySpecial() throws {
        let outcome = try probe("readPasswords", "--without-capabilities", "--seccomp", "none")
        #expect(outcome.output.hasPrefix("confinement: landlock\n"), "\(outcome.output)")
        #expect(outcome.output.contains("user 0, group 0, no capabilities"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix("\nrefused: 13\n"), "\(outcome.output)")
        let other = try probe("nothing", "--without-capabilities", "--user", "65534")
        #expect(other.output.hasPrefix("error: --user and --group need root"), "\(other.output)")
    }

    @Test(.enabled(if: isRoot, "becoming another user needs root"))
    func anotherUserNeedsRoot() throws {
        let outcome = try probe("nothing", "--as-user", "65534", "--user", "1")
        #expect(outcome.output.hasPrefix("error: --user and --group need root"), "\(outcome.output)")
    }

    @Test(
        .enabled(if: isRoot, "shutting in as root needs root"),
        arguments: ["namespace", "landlock", "none"], ["kill", "trap", "log", "none"])
    func everythingIsVerified(sandbox: String, seccomp: String) throws {
        let outcome = try probe(
            "nothing", "--sandbox", sandbox, "--seccomp", seccomp, "--thread", "control", "--user", "65534")
        #expect(outcome.output.contains("user 65534, group 65534, no capabilities"), "\(outcome.output)")
        #expect(outcome.output.contains("checked for 2 threads"), "\(outcome.output)")
        #expect(outcome.output.hasSuffix("allowed\n"))
    }
}
