import ControlProtocol
import Glibc

@testable import vserialctl

/// A daemon and one port of it, at which the test plays the guest.
final class ServedPort {
    let socket: FakePort
    let daemon: FakeDaemon

    init(isOpen: Bool = false) throws {
        let socket = try FakePort()
        let port = somePort("svc", number: 1) {
            $0.path = socket.path
            $0.guestOpen = isOpen
        }
        daemon = try FakeDaemon { request in
            request.execute == "query-ports" ? [.content(portsJSON([port]))] : [.content("{}")]
        }
        self.socket = socket
    }

    deinit { daemon.end() }

    /// A program in the guest opens the port, or closes it.
    func guest(opens: Bool) { daemon.say(.event("VSERPORT_CHANGE", #"{"id":"svc","open":\#(opens)}"#)) }

    /// Starts the command, and ends it with SIGTERM in `end`.
    func start(_ command: String, options: [String] = [], _ arguments: String...) throws -> SpawnedTool {
        try SpawnedTool([command, "svc", "--control", daemon.path] + options + arguments)
    }

    /// Ends the command.
    func end(_ tool: SpawnedTool) throws -> SpawnedTool.Result {
        kill(tool.process, SIGTERM)
        return try tool.wait()
    }
}
