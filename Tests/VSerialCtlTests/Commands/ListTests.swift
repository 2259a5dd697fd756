import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct ListTests {
    private let ports = [
        somePort("vm.console", number: 0) { $0.guestReady = false },
        somePort("vm.ctl", number: 1) {
            $0.guestOpen = true
            $0.clients = [ClientStatus(uid: 1000, gid: 100, pid: 4242)]
            $0.toHost.delivered = 9999
            $0.toGuest.delivered = 3 << 20
            $0.toHost.stalled = true
        },
        somePort("vm.data", number: 12) {
            $0.toHost.discarded = ["no-client": 7, "client-gone": 3]
            $0.toGuest.discarded = ["not-read": 5]
            $0.toGuest.ring?.broken = "the guest\nlied"
        },
    ]

    @Test("a table, and a line for what is broken")
    func table() {
        #expect(
            List.lines(ports, isStyled: false) == [
                "NAME        NR  GUEST  CLIENT             TO HOST  TO GUEST  DISCARDED  STALLED",
                "vm.console   0  -      -                        0         0          -  -",
                "vm.ctl       1  open   uid 1000 pid 4242     9999      3.0M          -  to host",
                "vm.data     12  ready  -                        0         0         15  -",
                #"vm.data to guest: the ring stands still: the guest\nlied"#,
            ])
    }

    @Test("without a port the way to one is told")
    func empty() {
        #expect(List.lines([], isStyled: false) == ["no ports; vserialctl add NAME makes one"])
    }

    @Test("the program prints the table, without colours when nobody looks")
    func program() throws {
        let ports = ports
        let daemon = try FakeDaemon { _ in [.content(portsJSON(ports))] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["list", "--control", daemon.path])
        #expect(result.output == List.lines(ports, isStyled: false).map { $0 + "\n" }.joined())
        #expect(result.code == 0)
        #expect(result.errors == "")
        #expect(daemon.requests.map(\.execute) == ["query-ports"])
    }

    @Test("--json is the daemon's answer, with what this program does not know")
    func answer() throws {
        let daemon = try FakeDaemon { _ in [.content(#"[{"id":"a","new-member":{"x-y":1}}]"#)] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(
            ["list", "--json"], environment: ["VSERIALCTL_CONTROL=\(daemon.path)"])
        #expect(result.output == #"[{"id":"a","new-member":{"x-y":1}}]"# + "\n")
    }

    @Test("which daemon must be said, and it must be there")
    func unreachable() throws {
        let unsaid = try SpawnedTool.run(["list"])
        #expect(unsaid.code == 64)
        #expect(unsaid.errors.contains("--control PATH"))
        let gone = try SpawnedTool.run(["list", "-c", "/nowhere/control.sock"])
        #expect(gone.code == 69)
        #expect(gone.errors == "vserialctl: no daemon at /nowhere/control.sock: No such file or directory\n")
    }
}
