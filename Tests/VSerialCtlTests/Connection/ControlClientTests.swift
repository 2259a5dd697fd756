import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct ControlClientTests {
    @Test("events do not stand for an answer")
    func eventsOnly() throws {
        let daemon = try FakeDaemon { _ in [.event("GUEST_READY"), .event("GUEST_RESET")] }
        defer { daemon.end() }
        let client = try ControlClient(path: daemon.path, patienceMilliseconds: 50)
        let failure = #expect(throws: CommandFailure.self) {
            try client.call(.queryStatus, returning: DaemonStatus.self)
        }
        #expect(failure?.exitCode == 75)
        #expect(try client.nextEvent(timeoutMilliseconds: 0)?.name == .guestReady)
    }

    @Test("every command has its patience")
    func commands() throws {
        let daemon = try FakeDaemon { _ in [] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["list", "-c", daemon.path])
        #expect(result == SpawnedTool.Result(code: 75, output: "", errors: "vserialctl: the daemon does not answer\n"))
    }

    @Test("a daemon that has no room for one more is quoted")
    func noRoom() throws {
        let daemon = try FakeDaemon(
            greeting: #"{"error":{"class":"GenericError","desc":"too many programs are connected: 16"}}"#
        ) { _ in [] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["list", "-c", daemon.path])
        #expect(result.code == 1)
        #expect(result.errors == "vserialctl: too many programs are connected: 16\n")
    }
}
