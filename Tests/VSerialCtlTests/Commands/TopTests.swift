import ControlProtocol
import Glibc
import Synchronization
import Testing

@testable import vserialctl

@Suite struct TopTests {
    /// Each look finds 1 MiB more on vm.data, and after so many looks nothing is said any more.
    private func daemon(
        looks: Int = .max, then last: [FakeDaemon.Reply] = []
    ) throws -> FakeDaemon {
        let count = Mutex(0)
        return try FakeDaemon { _ in
            let look = count.withLock {
                $0 += 1
                return $0
            }
            guard look <= looks else { return last }
            let busy = somePort("vm.data", number: 2) { $0.toHost.delivered = UInt64(look) << 20 }
            return [.content(portsJSON([somePort("vm.ctl", number: 1), busy]))]
        }
    }

    @Test("without a terminal plain tables, so many of them")
    func plain() throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let result = try SpawnedTool.run(["top", "-c", daemon.path, "--interval", "0.1", "--count", "2"])
        #expect(result.code == 0)
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 10)
        #expect(lines[0].contains("ports 2, to host "))
        #expect(lines[1].hasPrefix("NAME"))
        #expect(lines[2].hasPrefix("vm.data"))
        #expect(lines[3].hasPrefix("vm.ctl"))
        #expect(lines[4] == "")
        #expect(!result.output.contains("\u{1B}"))
        #expect(daemon.requests.count == 3)
    }

    @Test("--json is a line each time")
    func json() throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let result = try SpawnedTool.run(["top", "-c", daemon.path, "-i", "0.1", "-n", "2", "--json"])
        let lines = result.output.split(separator: "\n")
        #expect(lines.count == 2)
        let line = try #require(lines.first)
        let report = try ControlCoding.decode(TopReport.self, from: line.utf8)
        #expect(report.ports.map(\.id) == ["vm.ctl", "vm.data"])
        #expect(report.ports.first?.toHost?.bytesPerSecond == 0)
        let rate = report.ports.last?.toHost?.bytesPerSecond ?? 0
        #expect(abs(rate * report.seconds - Double(1 << 20)) < 1)
    }

    @Test("on a terminal in place; q gives the window back")
    func quit() throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path, "-i", "0.1"])
        let end = try terminal.wait(for: "vm.data")
        try terminal.wait(for: "M  ", from: end)
        #expect(terminal.shown.hasPrefix("\u{1B}[?1049h\u{1B}[?25l"))
        #expect(!terminal.isCooked)
        try terminal.type("q")
        #expect(terminal.wait() == 0)
        #expect(terminal.shown.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
        #expect(terminal.isCooked)
    }

    @Test("signals give the window back", arguments: [SIGINT, SIGTERM, SIGHUP, SIGQUIT])
    func signals(signal: Int32) throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path])
        try terminal.wait(for: "vm.data")
        kill(terminal.process, signal)
        #expect(terminal.wait() == 128 + signal)
        #expect(terminal.shown.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
        #expect(terminal.isCooked)
    }

    @Test("Ctrl-C ends the wait for a daemon that does not answer")
    func silentDaemon() throws {
        let daemon = try daemon(looks: 1)
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path, "-i", "0.1"])
        try terminal.wait(for: "vm.data")
        while daemon.requests.count < 2 { sched_yield() }
        try terminal.type("\u{3}")
        #expect(terminal.wait() == 130)
        #expect(terminal.shown.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
    }

    @Test("a daemon that goes is told of on the window that came back")
    func gone() throws {
        let daemon = try daemon(looks: 2, then: [.hangUp])
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path, "-i", "0.1"])
        #expect(terminal.wait() == 69)
        #expect(
            terminal.shown.hasSuffix("\u{1B}[?25h\u{1B}[?1049lvserialctl: the daemon has closed the connection\r\n"))
    }

    @Test("a window of another size is filled at once")
    func resize() throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path, "-i", "3600"])
        let end = try terminal.wait(for: "vm.data")
        #expect(!terminal.shown.contains("more"))
        terminal.resize(columns: 30, rows: 4)
        try terminal.wait(for: "… and 2 more", from: end)
        try terminal.type("q")
        #expect(terminal.wait() == 0)
    }

    @Test("Ctrl-Z gives the window back until it goes on")
    func stop() throws {
        let daemon = try daemon()
        defer { daemon.end() }
        let terminal = try SpawnedTerminal(["top", "-c", daemon.path, "-i", "3600"])
        try terminal.wait(for: "vm.data")
        try terminal.type("\u{1A}")
        #expect(terminal.waitForStop())
        #expect(terminal.isCooked)
        let end = try terminal.wait(for: "\u{1B}[?25h\u{1B}[?1049l")
        kill(terminal.process, SIGCONT)
        try terminal.wait(for: "vm.data", from: end)
        #expect(!terminal.isCooked)
        try terminal.type("q")
        #expect(terminal.wait() == 0)
    }

    @Test("what cannot be meant is refused", arguments: ["--interval=0.01", "--interval=nan", "--count=0"])
    func usage(argument: String) throws {
        #expect(try SpawnedTool.run(["top", "-c", "@nobody", argument]).code == 64)
    }
}
