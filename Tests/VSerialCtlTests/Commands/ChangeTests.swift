import ControlProtocol
import Testing

@testable import vserialctl

/// The commands that send one request and print little: add, remove, set, disconnect, log-level, shutdown, metrics.
@Suite struct ChangeTests {
    struct Case: Sendable {
        var words: [String]
        var answer = "{}"
        var execute: String
        var arguments: [String: JSONValue]?
        var output = ""
    }

    static let cases = [
        Case(
            words: ["add", "vm.new", "nr=5", "clients-absent=buffer"],
            answer: #"{"id":"vm.new","number":5,"path":"/run/vm1/vm.new"}"#, execute: "port-add",
            arguments: ["id": "vm.new", "nr": "5", "clients-absent": "buffer"], output: "/run/vm1/vm.new\n"),
        Case(words: ["remove", "vm.new"], execute: "port-remove", arguments: ["id": "vm.new"]),
        Case(
            words: ["set", "vm.console", "cols=132", "rows=43"], execute: "port-set",
            arguments: ["id": "vm.console", "cols": "132", "rows": "43"]),
        Case(words: ["disconnect", "vm.ctl"], execute: "client-disconnect", arguments: ["id": "vm.ctl"]),
        Case(words: ["log-level", "debug"], execute: "log-level", arguments: ["level": "debug"]),
        Case(words: ["shutdown"], execute: "system-shutdown"),
        Case(words: ["metrics"], answer: #"{"text":"a 1\nb 2\n"}"#, execute: "query-metrics", output: "a 1\nb 2\n"),
        Case(words: ["metrics"], answer: #"{"text":"a 1"}"#, execute: "query-metrics", output: "a 1\n"),
        Case(
            words: ["capture", "start", "--file", "a.pcapng"], answer: #"{"capture":3}"#, execute: "capture-start",
            arguments: ["file": "a.pcapng"], output: "3\n"),
        Case(
            words: [
                "capture", "start", "--file=a", "--max-size=64M", "--files=4", "--snaplen=96", "--frontend", "vm.ctl",
            ], answer: #"{"capture":4}"#, execute: "capture-start",
            arguments: [
                "file": "a", "max-size": "64M", "files": 4, "snaplen": 96, "frontend": true, "ports": ["vm.ctl"],
            ], output: "4\n"),
        Case(
            words: ["capture", "start", "--file=a", "--max-size=1000"], answer: #"{"capture":5}"#,
            execute: "capture-start", arguments: ["file": "a", "max-size": 1000], output: "5\n"),
        Case(
            words: ["capture", "stop", "3"], answer: #"{"packets":12,"bytes":3456,"lost":0}"#, execute: "capture-stop",
            arguments: ["capture": 3], output: "packets 12, bytes 3456, lost 0\n"),
    ]

    @Test("what is asked of the daemon, and what is printed", arguments: cases)
    func request(sample: Case) throws {
        let daemon = try FakeDaemon { _ in [.event("GUEST_READY"), .content(sample.answer)] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(sample.words + ["--control", daemon.path])
        #expect(result == SpawnedTool.Result(code: 0, output: sample.output, errors: ""))
        #expect(daemon.requests.map(\.execute) == [sample.execute])
        #expect(daemon.requests.first?.arguments == sample.arguments)
    }

    @Test("the daemon's reason is the program's", arguments: cases)
    func refused(sample: Case) throws {
        let daemon = try FakeDaemon { _ in [.refusal("not now")] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(sample.words + ["-c", daemon.path])
        #expect(result == SpawnedTool.Result(code: 1, output: "", errors: "vserialctl: not now\n"))
    }

    @Test("a daemon that is quicker to end than to answer has done as it was told")
    func shutdown() throws {
        let daemon = try FakeDaemon { _ in [.event("SHUTDOWN"), .hangUp] }
        defer { daemon.end() }
        #expect(try SpawnedTool.run(["shutdown", "-c", daemon.path]).code == 0)
        #expect(try SpawnedTool.run(["remove", "a", "-c", daemon.path]).code == 69)
    }

    @Test(
        "what cannot be meant is refused before the daemon is asked",
        arguments: [
            ["add", "a", "nr"], ["set", "a"], ["remove"], ["capture", "stop", "x"], ["capture", "start"],
            ["capture", "start", "--file=a", "--stream"], ["capture", "start", "--stream", "--files=2"],
        ])
    func usage(words: [String]) throws {
        #expect(try SpawnedTool.run(words + ["-c", "@nobody"]).code == 64)
    }
}
