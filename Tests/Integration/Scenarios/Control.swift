import FoundationEssentials
import Glibc
import MachineTestSupport

/// The control socket, and what an operator does there while a real guest runs.
extension Scenario {
    private static let aboutControl = "it is about the daemon's control socket"

    static let control = [
        Scenario("control-socket", oursOnly: aboutControl, controlSocket),
        Scenario("control-events", oursOnly: aboutControl, controlEvents),
        Scenario("port-hot-plug", oursOnly: aboutControl, hotPlug),
        Scenario("capture-tshark", oursOnly: aboutControl, capture),
        Scenario("capture-disk-full", oursOnly: aboutControl, captureDiskFull),
    ]

    private static let agentPort = "org.qemu.guest_agent.0"

    /// A booted machine whose daemon has a control socket, and a connection to it.
    static func controlled(
        _ setting: Setting, _ ports: [Port], arguments: [String] = []
    ) throws -> (machine: Machine, control: QMPClient) {
        var options = MachineOptions()
        options.daemonArguments = ["--control", "\(setting.directory)/control.sock"] + arguments
        let machine = try Machine(setting, ports, options)
        try machine.boot()
        return (machine, try connect(setting))
    }

    private static func connect(_ setting: Setting) throws -> QMPClient {
        try QMPClient(
            SocketStream.connect("control", to: "\(setting.directory)/control.sock", within: .seconds(10)))
    }

    /// Every command and many events, by programs that are not ours, held against the schema.
    private static func controlSocket(_ setting: Setting) throws {
        let (machine, _) = try controlled(setting, [.control, .data])
        let shown = try ChildProcess.output(
            of: [
                "sh", "-c",
                "printf 'query-status\nport-add id=x console=true\nport-remove id=x\n' | \(ToolPath.qmpShell) -p \"$0\"",
                "\(setting.directory)/control.sock",
            ], in: setting.directory)
        try expect(shown.contains("\"driver-ready\": true"), "qmp-shell shows: \(shown)")
        try expect(shown.contains("\"id\": \"x\"") && !shown.contains("error"), "qmp-shell shows: \(shown)")
        let text = try ChildProcess.output(
            of: [
                ToolPath.python, "scripts/check/control.py", "\(setting.directory)/control.sock",
                "share/control-schema.json", "vm.ctl",
            ], in: setting.directory)
        try expect(text.contains("14 commands"), "the checker says: \(text)")
        try expectEqual(
            try machine.daemon?.process.waitForExit(within: .seconds(10)), .code(0), "the end by system-shutdown")
        try machine.killQEMU()
    }

    /// The guest's opening is told within 50 ms.
    private static func controlEvents(_ setting: Setting) throws {
        let (machine, control) = try controlled(setting, [.control])
        for isOpen in [true, false, true, false] {
            try machine.guest.run(isOpen ? "exec 9</dev/virtio-ports/vm.ctl" : "exec 9<&-")
            // The guest's answer has come, so it was opened before now.
            let now = Date().timeIntervalSince1970
            let event = try control.waitForEvent("VSERPORT_CHANGE", within: .seconds(10))
            try expect(event.line.contains("\"open\":\(isOpen)"), "open is not \(isOpen): \(event.line)")
            try expect(event.time - now < 0.05, "told \(event.time - now) seconds after the guest's answer")
        }
        try machine.rebindDriver()
        for name in ["GUEST_RESET", "GUEST_READY"] { _ = try control.waitForEvent(name, within: .seconds(10)) }
        try machine.finish()
    }

    /// A port comes and goes a hundred times, and a stream beside it loses no byte.
    private static func hotPlug(_ setting: Setting) throws {
        let (machine, control) = try controlled(setting, [.data])
        let client = try machine.client("vm.data")
        try machine.guest.start("echo", "exec 3<>/dev/virtio-ports/vm.data; cat <&3 >&3")
        let file = try Payload.random(byteCount: 100 * 65536, in: setting.directory)
        for round in 0..<100 {
            let piece = Array(file.bytes[round * 65536..<(round + 1) * 65536])
            try client.send(piece)
            try control.execute("port-add", #"{"id": "plug.\#(round)"}"#)
            try machine.guest.waitUntil("grep -qx plug.\(round) /sys/class/virtio-ports/*/name")
            if round % 10 == 0 { try exchange(machine, port: "plug.\(round)") }
            try control.execute("port-remove", #"{"id": "plug.\#(round)"}"#)
            try expect(try client.receive(65536, within: .seconds(20)) == piece, "round \(round) changed the stream")
        }
        try machine.guest.waitUntil("! grep -q plug /sys/class/virtio-ports/*/name")
        try machine.finish()
    }

    /// A word each way through a port that was just added. The guest has no udev: the device is found by its name.
    private static func exchange(_ machine: Machine, port: String) throws {
        let client = try machine.client(port)
        try machine.guest.run(
            """
            exec 8<>/dev/$(basename $(dirname $(grep -lx \(port) /sys/class/virtio-ports/*/name)))
            echo "word from \(port)" >&8
            """)
        try expectEqual(try client.receiveLine(), "word from \(port)", "the added port")
        try client.send(line: "word for \(port)")
        try expectEqual(try machine.guest.run("head -n 1 <&8; exec 8<&-"), "word for \(port)", "the added port")
    }

    /// A full disk ends the capture, with whole packets in the file, and nothing else: the port loses no byte.
    private static func captureDiskFull(_ setting: Setting) throws {
        let directory = "\(setting.directory)/captures"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        _ = try ChildProcess.output(
            of: ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", directory], in: setting.directory)
        defer { _ = try? ChildProcess.output(of: ["umount", "-l", directory], in: setting.directory) }
        let (machine, control) = try controlled(setting, [.data], arguments: ["--capture-dir", directory])
        try control.execute("capture-start", #"{"file": "a.pcapng", "snaplen": 16384}"#)
        let client = try machine.client("vm.data")
        try machine.guest.run("head -c 2000000 /dev/urandom >/tmp/out")
        try machine.guest.start("write", "dd if=/tmp/out of=/dev/virtio-ports/vm.data bs=4096")
        let received = try Payload(try client.receive(2_000_000), in: setting.directory)
        try machine.guest.finish("write")
        try expectEqual(try machine.guest.run("sha256sum </tmp/out"), "\(received.checksum)  -", "the checksum")
        let end = try control.waitForEvent("CAPTURE_STOPPED", within: .seconds(10))
        try expect(end.line.contains("No space left on device"), "the reason: \(end.line)")
        let packets = try ChildProcess.output(
            of: ["tshark", "-r", "\(directory)/a.pcapng", "-T", "fields", "-e", "frame.interface_name"],
            in: setting.directory)
        try expect(packets.contains("vm.data"), "no packet in the file: \(packets)")
        try machine.finish()
    }

    /// tshark reads a live capture with no configuration: the port's name, the direction, and the guest agent's JSON.
    private static func capture(_ setting: Setting) throws {
        let directory = "\(setting.directory)/captures"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        let (machine, control) = try controlled(
            setting, [Port(name: agentPort)], arguments: ["--capture-dir", directory])
        try control.execute("capture-start", #"{"file": "agent.pcapng", "frontend": true}"#)
        let client = try machine.client(agentPort)
        try machine.guest.run("exec 9<>/dev/virtio-ports/\(agentPort)")
        try client.send(line: #"{"execute": "guest-ping"}"#)
        try expectEqual(try machine.guest.run("head -n 1 <&9"), #"{"execute": "guest-ping"}"#, "the command")
        try machine.guest.run(#"echo '{"return": {}}' >&9"#)
        try expectEqual(try client.receiveLine(), #"{"return": {}}"#, "the answer")
        try machine.rebindDriver()
        try control.execute("capture-stop", #"{"capture": 1}"#)
        let text = try ChildProcess.output(
            of: [
                "tshark", "-r", "\(directory)/agent.pcapng", "-T", "fields", "-e", "frame.interface_name", "-e",
                "frame.protocols", "-e", "frame.packet_flags_direction", "-e", "json.key",
            ], in: setting.directory)
        let packets = text.split(separator: "\n").map { $0.split(separator: "\t", omittingEmptySubsequences: false) }
        let agent = packets.filter { $0[0] == agentPort }
        try expectEqual(
            agent.map { "\($0[1]) \($0[3])" }, ["exported_pdu:json execute", "exported_pdu:json return"], "packets")
        try expectEqual(agent.map { "\($0[2])".suffix(1) }, ["2", "1"], "directions: out to the guest, in from it")
        try expect(packets.contains { $0[0] == "vhost-user" }, "no message of the front-end: \(text)")
        try machine.finish()
    }
}
