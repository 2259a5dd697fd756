import ArgumentParser
import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct PortTargetTests {
    /// What a port can be instead of a stream socket that clients connect to.
    struct Other: Sendable {
        var kind: String
        var server: Bool?
        var type: String?
        /// What is said of it then.
        var refusal: String
    }

    private static let others = [
        Other(
            kind: "socket", server: false, type: "stream",
            refusal: "svc is connected to PATH by the daemon; nobody can be its client"),
        Other(
            kind: "socket", server: true, type: "seqpacket",
            refusal: "svc carries records (type=seqpacket); this is only for bytes"),
        Other(
            kind: "socket", server: nil, type: "stream",
            refusal: "svc is a socket that the daemon was started with; say where it is with --path"),
        Other(kind: "pty", server: nil, type: nil, refusal: "svc is bound to pty (PATH) and has no socket"),
        Other(kind: "null", server: nil, type: nil, refusal: "svc is bound to null (PATH) and has no socket"),
    ]

    /// A daemon with one port.
    private func daemon(_ other: Other, at path: String) throws -> FakeDaemon {
        let port = somePort("svc", number: 1) {
            ($0.path, $0.kind, $0.server, $0.type) = (path, other.kind, other.server, other.type)
            $0.guestOpen = true
        }
        return try FakeDaemon { _ in [.content(portsJSON([port]))] }
    }

    @Test("who is at the other end is the port's only when clients connect there", arguments: others)
    func refusal(other: Other) throws {
        let socket = try FakePort()
        let daemon = try daemon(other, at: socket.path)
        defer { daemon.end() }
        for command in [["attach"], ["recv-file", "/nowhere/f"], ["agent", "ping"], ["serve", "--", "true"]] {
            let arguments = [command[0], "svc", "--control", daemon.path] + command.dropFirst()
            let result = try SpawnedTool.run(arguments)
            #expect(result.errors == "vserialctl: \(other.refusal.replacing("PATH", with: socket.path))\n")
            #expect(result.code == 64)
        }
        #expect(!socket.isSomebodyThere)
    }

    @Test("--path is the operator's word against it", arguments: others)
    func path(other: Other) throws {
        let daemon = try daemon(other, at: "/nowhere")
        defer { daemon.end() }
        let target = try PortTarget.parse(["svc", "--path", "@here"])
        let found = try target.find(askedOf: ControlClient(path: daemon.path))
        #expect(found.path == "@here")
    }
}
