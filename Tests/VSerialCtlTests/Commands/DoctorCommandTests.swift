import ControlProtocol
import Glibc
import Testing

@testable import vserialctl

@Suite struct DoctorCommandTests {
    private func run(
        status: String, ports: [PortStatus], _ arguments: String..., daemonAnswers: Bool = true
    ) throws -> SpawnedTool.Result {
        let qemu = try TemporaryFile(
            #"#!/bin/sh\#necho 'QEMU emulator version 11.0.0'; echo 'name "vhost-user-test-device-pci"'"#, mode: 0o700)
        let daemon = try FakeDaemon { request in
            switch request.execute {
            case "query-status": [.content(status)]
            case "query-ports": [.content(portsJSON(ports))]
            default: [.hangUp]
            }
        }
        defer { daemon.end() }
        return try SpawnedTool.run(["doctor", "-c", daemon.path, "--qemu", qemu.path] + arguments)
    }

    /// A process whose command line is QEMU's.
    private func standIn(_ device: String) throws -> SpawnedTool {
        try SpawnedTool(
            [
                "-c", "read line", "qemu", "-object", "memory-backend-memfd,id=mem,share=on", "-machine",
                "memory-backend=mem", "-device", device,
            ], program: "/bin/sh", keepsInput: true)
    }

    @Test("all is well: 0, and every check is told")
    func good() throws {
        let device = DeviceSettings(socketPath: "/a", maxPorts: 31, queueSize: 128).device
        let process = try standIn(device)
        let port = somePort("vm.ctl", number: 1) {
            $0.guestOpen = true
            $0.path = "@vm.ctl"
        }
        let result = try run(status: statusJSON { $0.frontend?.pid = process.process }, ports: [port])
        #expect(result.code == 0)
        let names = result.output.split(separator: "\n").map { $0.prefix { $0 != ":" }.split(separator: " ") }
        #expect(
            names.map { $0.joined(separator: " ") } == [
                "ok qemu-version", "ok qemu-device", "ok control-socket", "ok device", "ok memory-shared",
                "ok virtio-id", "ok config-size", "ok num-vqs", "ok vq-size", "ok front-end", "ok guest-driver",
                "ok rings", "ok ports-open", "- port-socket",
            ])
    }

    @Test("what no client connects to is nobody's to remove")
    func otherKinds() throws {
        let file = try TemporaryFile("the user's data")
        let ports = [
            somePort("a", number: 1) { ($0.kind, $0.server, $0.type, $0.path) = ("file", nil, nil, file.path) },
            somePort("b", number: 2) { ($0.kind, $0.server, $0.type, $0.path) = ("pty", nil, nil, "/dev/null") },
            somePort("c", number: 3) { ($0.kind, $0.server, $0.type, $0.path) = ("null", nil, nil, "nowhere") },
            somePort("d", number: 4) { ($0.server, $0.path) = (false, "/nowhere/s") },
            somePort("e", number: 5) { ($0.server, $0.path) = (nil, "descriptor 3") },
            somePort("f", number: 6) { ($0.type, $0.path) = ("seqpacket", "/nowhere/f") },
        ]
        let result = try run(status: statusJSON(), ports: ports, "--json")
        let checks = try ControlCoding.decode([Check].self, from: result.output.utf8)
        let sockets = checks.filter { $0.name == "port-socket" }
        #expect(sockets.dropLast().map(\.verdict) == [Check.Verdict](repeating: .notChecked, count: 5))
        #expect(sockets.first?.finding == "the daemon has made no socket for a")
        #expect(sockets.last?.finding.hasPrefix("there is no /nowhere/f") == true)
    }

    @Test("one fault is enough for 1, and --json says which")
    func bad() throws {
        let process = try standIn("vhost-user-test-device-pci,virtio-id=3,num_vqs=64")
        let result = try run(status: statusJSON(), ports: [], "--pid", "\(process.process)", "--json")
        #expect(result.code == 1)
        let checks = try ControlCoding.decode([Check].self, from: result.output.utf8)
        #expect(checks.filter { $0.verdict == .failed }.map(\.name) == ["config-size"])
    }

    @Test("without a daemon the rest is looked at")
    func alone() throws {
        let result = try SpawnedTool.run(["doctor", "-c", "/nowhere/s", "--qemu", "/nowhere/q", "-s", "/nowhere/v"])
        #expect(result.code == 1)
        #expect(result.output.contains("FAILED   control-socket: there is no /nowhere/s\n"))
        #expect(result.output.contains("FAILED   front-end-socket: there is no /nowhere/v"))
        #expect(result.output.contains("-        num-vqs: no running QEMU is known\n"))
        #expect(result.errors == "")
    }

    @Test("who is no daemon is told of")
    func stranger() throws {
        let daemon = try FakeDaemon(greeting: "hello") { _ in [] }
        defer { daemon.end() }
        let result = try SpawnedTool.run(["doctor", "-c", daemon.path, "--qemu", "/nowhere/q"])
        #expect(result.output.contains("FAILED   control-socket: this is no answer of a vhost-user-serial: hello"))
    }
}
