import ControlProtocol
import FoundationEssentials
import Glibc
import Testing

@testable import ClientProtocolsTests
@testable import vserialctl

@Suite struct WatchTests {
    private func run(_ bytes: [UInt8], cutAt: Int, then last: [FakeDaemon.Reply], _ arguments: String...) throws
        -> (result: SpawnedTool.Result, requests: [ControlRequest])
    {
        let pieces = [bytes[..<cutAt], bytes[cutAt...]].map { Data($0).base64EncodedString() }
        let daemon = try FakeDaemon { _ in
            // Another capture's, and an event that has nothing to do with it.
            [
                .event("CAPTURE_DATA", #"{"capture":6,"data":"AAAA"}"#), .event("GUEST_READY"),
                .content(#"{"capture":7}"#),
            ]
                + pieces.map { .event("CAPTURE_DATA", #"{"capture":7,"data":"\#($0)"}"#) } + last
        }
        defer { daemon.end() }
        return (try SpawnedTool.run(["watch", "-c", daemon.path] + arguments), daemon.requests)
    }

    private func sample() -> [UInt8] {
        var sample = PcapngSample()
        sample.section()
        sample.interface("vm.ctl")
        sample.packet("echo \u{1B}\n")
        sample.packet("ok", flags: 2)
        return sample.bytes
    }

    @Test("what comes is shown until the daemon ends")
    func shown() throws {
        let (result, requests) = try run(sample(), cutAt: 50, then: [.event("SHUTDOWN"), .hangUp], "vm.ctl", "vm.data")
        #expect(
            result.output == #"""
                10:00:00.123456  vm.ctl  to-host   echo \x1b\n
                10:00:00.123456  vm.ctl  to-guest  ok

                """#)
        #expect(result.code == 0)
        #expect(requests.map(\.execute) == ["capture-start"])
        #expect(requests.first?.arguments == ["ports": ["vm.ctl", "vm.data"], "stream": true])
    }

    @Test("--hex")
    func hexadecimal() throws {
        let (result, _) = try run(sample(), cutAt: 1, then: [.event("SHUTDOWN")], "vm.ctl", "--hex")
        #expect(result.output.contains("00000000  6f 6b"))
    }

    @Test("a capture that is stopped is a failure, with its reason")
    func stopped() throws {
        let stop = FakeDaemon.Reply.event("CAPTURE_STOPPED", #"{"capture":7,"lost":2,"reason":"by capture-stop"}"#)
        let (result, _) = try run(sample(), cutAt: 1, then: [stop], "vm.ctl")
        #expect(result.code == 69)
        #expect(result.errors == "vserialctl: the capture has ended: by capture-stop; 2 packets were lost\n")
    }

    /// A daemon with a capture that began so, and from which packets were lost.
    private func capturing(_ beginning: [UInt8], lost: Int) throws -> FakeDaemon {
        let data = Data(beginning).base64EncodedString()
        return try FakeDaemon { request in
            request.execute == "capture-stop"
                ? [
                    .event("CAPTURE_STOPPED", #"{"capture":7,"reason":"stopped"}"#),
                    .content(#"{"packets":2,"bytes":9,"lost":\#(lost)}"#),
                ]
                : [.content(#"{"capture":7}"#), .event("CAPTURE_DATA", #"{"capture":7,"data":"\#(data)"}"#)]
        }
    }

    @Test("Ctrl-C tells what was lost", arguments: [0, 5], [SIGINT, SIGTERM])
    func interrupted(lost: Int, signal: Int32) throws {
        let daemon = try capturing(sample(), lost: lost)
        defer { daemon.end() }
        let tool = try SpawnedTool(["watch", "-c", daemon.path, "vm.ctl"])
        try tool.waitForOutput()
        kill(tool.process, signal)
        let result = try tool.wait()
        #expect(result.code == 128 + signal)
        #expect(result.errors == (lost == 0 ? "" : "vserialctl: 5 packets were lost\n"))
        #expect(daemon.requests.map(\.execute) == ["capture-start", "capture-stop"])
        #expect(daemon.requests.last?.arguments == ["capture": 7])
    }

    @Test("a signal is obeyed while nobody reads the output")
    func interruptedInMidOutput() throws {
        var sample = PcapngSample()
        sample.section()
        sample.interface("vm.ctl")
        // Far more than a socket keeps.
        for _ in 0..<200 { sample.packet(String(repeating: "x", count: 20_000)) }
        let daemon = try capturing(sample.bytes, lost: 3)
        defer { daemon.end() }
        let tool = try SpawnedTool(["watch", "-c", daemon.path, "vm.ctl"])
        try tool.waitForOutput()
        kill(tool.process, SIGINT)
        try tool.waitForErrors("3 packets were lost")
        #expect(try tool.wait().code == 128 + SIGINT)
    }

    @Test("what is no capture is no answer of the daemon's")
    func garbage() throws {
        let (result, _) = try run(Array("garbage, more of it".utf8), cutAt: 3, then: [], "vm.ctl")
        #expect(result.code == 76)
        #expect(result.errors.contains("does not begin with a section header"))
        let daemon = try FakeDaemon { _ in
            [.content(#"{"capture":7}"#), .event("CAPTURE_DATA", #"{"capture":7,"data":"*"}"#)]
        }
        defer { daemon.end() }
        #expect(try SpawnedTool.run(["watch", "-c", daemon.path, "a"]).errors.contains("not base64"))
    }

    @Test("who may not is told so, in the daemon's words")
    func refused() throws {
        let daemon = try FakeDaemon { _ in [.refusal("only for user 7")] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["watch", "-c", daemon.path, "a"])
        #expect(result.code == 1)
        #expect(result.errors == "vserialctl: only for user 7\n")
    }

    @Test func aPortMustBeNamed() throws {
        #expect(try SpawnedTool.run(["watch", "-c", "@nobody"]).code == 64)
    }
}
