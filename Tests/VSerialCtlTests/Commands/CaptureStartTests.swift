import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct CaptureStartTests {
    @Test("--stream hands the capture on, byte by byte")
    func stream() throws {
        let daemon = try FakeDaemon { _ in
            [
                .content(#"{"capture":1}"#), .event("CAPTURE_DATA", #"{"capture":1,"data":"aGVsbG8="}"#),
                .event("CAPTURE_DATA", #"{"capture":1,"data":"IHRoZXJl"}"#), .event("SHUTDOWN"),
            ]
        }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["capture", "start", "--stream", "--snaplen=9", "-c", daemon.path])
        #expect(result == SpawnedTool.Result(code: 0, output: "hello there", errors: ""))
        #expect(daemon.requests.first?.arguments == ["stream": true, "snaplen": 9])
    }

    @Test("a terminal gets no capture")
    func terminal() throws {
        let terminal = try SpawnedTerminal(["capture", "start", "--stream", "-c", "@nobody"])
        #expect(terminal.wait() == 64)
        #expect(terminal.shown.contains("vserialctl watch"))
    }
}
