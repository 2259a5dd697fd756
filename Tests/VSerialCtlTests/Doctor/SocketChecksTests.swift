import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import vserialctl

@Suite struct SocketChecksTests {
    @Test(
        "each reason has its advice",
        arguments: [
            (.noSuchFileOrDirectory, "there is no /a"), (.connectionRefused, "nobody listens"),
            (.permissionDenied, "no permission"), (.protocolWrongTypeForSocket, "/a: "),
        ] as [(Errno, String)])
    func control(error: Errno, text: String) {
        let check = SocketChecks.control(path: "/a", error: error)
        #expect(check.verdict == .failed)
        #expect(check.finding.contains(text))
        #expect(check.advice != nil)
        #expect(SocketChecks.control(path: "/a", error: nil).verdict == .ok)
    }

    @Test("who may and who we are")
    func denied() throws {
        let file = try TemporaryFile("", mode: 0o640)
        let check = SocketChecks.control(path: file.path, error: .permissionDenied)
        #expect(check.finding.contains("owner \(HostNames.user(geteuid())), group"))
        #expect(check.finding.contains("mode 0640"))
        #expect(check.finding.contains("you are user \(HostNames.user(geteuid())), groups"))
    }

    @Test("files: what is missing, what is no socket, what can be connected to")
    func files() throws {
        #expect(SocketChecks.file("x", path: "/nowhere/s").verdict == .failed)
        #expect(SocketChecks.file("x", path: "@abstract").verdict == .notChecked)
        let file = try TemporaryFile("")
        #expect(SocketChecks.file("x", path: file.path).finding.contains("is no socket"))
        let path = file.path + ".sock"
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        defer { unsafe unlink(path) }
        #expect(SocketChecks.file("x", path: path) == .ok("x", "\(path) can be connected to"))
        // Nobody was let in, and nobody knocked.
        let connection = try listener.accept()
        let isNobody = connection == nil
        #expect(isNobody)
    }
}
