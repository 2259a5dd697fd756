import Testing

@testable import vserialctl

@Suite struct EventsTests {
    /// A daemon that says these when it is spoken to the first time, and then goes or stays.
    private func run(_ replies: [FakeDaemon.Reply], _ arguments: String...) throws -> SpawnedTool.Result {
        let daemon = try FakeDaemon(afterNegotiation: replies) { _ in [] }
        defer { daemon.end() }
        return try SpawnedTool.run(["events", "-c", daemon.path] + arguments)
    }

    @Test("a line for each, until the daemon has gone as it said")
    func lines() throws {
        let result = try run([
            .event("GUEST_READY"), .event("CLIENT_CONNECTED", #"{"uid":0,"pid":7,"id":"vm.ctl","gid":0}"#),
            .event("SHUTDOWN"), .hangUp,
        ])
        #expect(
            result.output == """
                2026-11-21 10:00:00.123  GUEST_READY
                2026-11-21 10:00:00.123  CLIENT_CONNECTED      id=vm.ctl gid=0 pid=7 uid=0
                2026-11-21 10:00:00.123  SHUTDOWN

                """)
        #expect(result.code == 0)
        #expect(result.errors == "")
    }

    @Test("a daemon that goes without a word is a failure")
    func gone() throws {
        let result = try run([.event("GUEST_READY"), .hangUp])
        #expect(result.code == 69)
        #expect(result.errors == "vserialctl: the daemon has closed the connection\n")
    }

    @Test("--count and --until end it")
    func ends() throws {
        let events: [FakeDaemon.Reply] = [.event("GUEST_READY"), .event("GUEST_RESET"), .event("GUEST_READY")]
        let counted = try run(events, "--count", "2")
        #expect(counted.output.split(separator: "\n").count == 2)
        #expect(counted.code == 0)
        let awaited = try run(events, "--until", "GUEST_RESET")
        #expect(awaited.output == counted.output)
        #expect(awaited.code == 0)
    }

    @Test("what --until waits for must come before the daemon goes")
    func missed() throws {
        #expect(try run([.event("SHUTDOWN"), .hangUp], "--until", "GUEST_READY").code == 69)
    }

    @Test("--json hands events on as they came")
    func json() throws {
        let result = try run([.event("NEWER", #"{"x-y":[1.5,null]}"#)], "--json", "--count=1")
        #expect(
            result.output
                == #"{"data":{"x-y":[1.5,null]},"event":"NEWER","timestamp":{"microseconds":123456,"seconds":1795255200}}"#
                + "\n")
    }

    @Test("--timeout ends the wait")
    func timeout() throws {
        let result = try run([], "--timeout", "0.05")
        #expect(result.code == 75)
        #expect(result.errors == "vserialctl: not within 0.05 seconds\n")
    }

    @Test(
        "what cannot be meant is refused",
        arguments: ["--until=GUEST_REDAY", "--count=0", "--timeout=0", "--timeout=nan"])
    func usage(argument: String) throws {
        #expect(try SpawnedTool.run(["events", "-c", "@nobody", argument]).code == 64)
    }

    @Test("a reader that leaves ends it without a word")
    func readerLeaves() throws {
        let daemon = try FakeDaemon(afterNegotiation: [.event("GUEST_READY")]) { _ in [] }
        defer { daemon.end() }
        // As under a supervisor that ignores the signal: the program finds out by itself.
        let tool = try SpawnedTool(["events", "-c", daemon.path], ignoringSIGPIPE: true)
        try tool.waitForOutput()
        try tool.stopReadingOutput()
        daemon.say(.event("GUEST_RESET"))
        let result = try tool.wait()
        #expect(result.code == 141)
        #expect(result.errors == "")
    }
}
