import FoundationEssentials
import Glibc
import MachineTestSupport

/// vserialctl with a real daemon and a real guest: what its own tests play.
extension Scenario {
    static let tools = [
        Scenario("vserialctl", oursOnly: "it is the daemon's tool", look),
        Scenario("vserialctl-ports", oursOnly: "it is the daemon's tool", usePorts),
        Scenario("vserialctl-agent", oursOnly: "it is the daemon's tool", askAgent),
    ]

    /// One machine and the tool at its control socket.
    private struct Tool {
        let machine: Machine
        let directory: String

        init(_ setting: Setting, _ ports: [Port], guest: String? = nil) throws {
            var options = MachineOptions()
            options.guest = guest
            directory = setting.directory
            let captures = "\(directory)/captures"
            try FileManager.default.createDirectory(atPath: captures, withIntermediateDirectories: false)
            options.daemonArguments = ["--control", "\(directory)/control.sock", "--capture-dir", captures]
            machine = try Machine(setting, ports, options)
            try machine.boot()
        }

        private func command(_ words: [String]) -> [String] {
            // `capture` has commands of its own; what stands behind "--" is a program's.
            let count = words[0] == "capture" ? 2 : 1
            return [".build/release/vserialctl"] + words.prefix(count) + ["-c", "\(directory)/control.sock"]
                + words.dropFirst(count)
        }

        /// Runs a command to its end and returns what it printed.
        @discardableResult
        func run(_ words: String...) throws -> String { try ChildProcess.output(of: command(words), in: directory) }

        /// Starts a command that goes on.
        func start(_ words: String...) throws -> ChildProcess {
            try ChildProcess(words[0], command(words), output: "\(directory)/\(words[0]).out")
        }

        func printed(by name: String) -> String {
            String(decoding: FileManager.default.contents(atPath: "\(directory)/\(name).out") ?? Data(), as: UTF8.self)
        }

        func waitForOutput(of name: String, _ text: String) throws {
            try Deadline.wait(for: "\(name) to print \(text)", within: .seconds(20)) {
                Deadline.pause(.milliseconds(20))
                return printed(by: name).contains(text)
            }
        }
    }

    /// What looks, and what changes.
    private static func look(_ setting: Setting) throws {
        let tool = try Tool(setting, [.control])
        let machine = tool.machine
        let events = try tool.start("events", "--until", "VSERPORT_CHANGE")
        let watch = try tool.start("watch", "vm.ctl")
        let client = try machine.client("vm.ctl")
        // Whether it listens already nobody can tell: the guest goes on until it was heard.
        try Deadline.wait(for: "the end of events", within: .seconds(20)) {
            try machine.guest.run("exec 9</dev/virtio-ports/vm.ctl; exec 9<&-")
            return events.pollExit() != nil
        }
        try expectEqual(events.pollExit(), .code(0), "the end of events")
        try expect(tool.printed(by: "events").contains("id=vm.ctl"), "events: \(tool.printed(by: "events"))")
        // Its capture has begun when the daemon says so.
        try Deadline.wait(for: "the watcher", within: .seconds(10)) {
            Deadline.pause(.milliseconds(20))
            return try ChildProcess.output(
                of: [
                    "sh", "-c",
                    "printf '{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-status\"}' | socat -t1 - UNIX-CONNECT:\(setting.directory)/control.sock",
                ],
                in: setting.directory
            ).contains("\"capture\":")
        }
        try machine.guest.run("echo 'Hi there!' >/dev/virtio-ports/vm.ctl")
        try expectEqual(try client.receiveLine(), "Hi there!", "the guest's line")
        try tool.waitForOutput(of: "watch", "Hi there!")
        watch.kill()

        try expect(try tool.run("list").contains("uid \(getuid())"), "list does not show the client")
        try expect(
            try tool.run("top", "--interval", "0.2", "--count", "1", "--json").contains("vm.ctl"), "top has no port")
        try expect(
            try tool.run("metrics").contains(#"port_delivered_bytes_total{direction="to-host",port="vm.ctl"} 10"#),
            "metrics")
        try expect(try tool.run("doctor").contains("ok"), "doctor finds nothing good")

        try tool.run("add", "late", "clients-absent=discard")
        try machine.guest.waitUntil("grep -qx late /sys/class/virtio-ports/*/name")
        try tool.run("set", "late", "clients-absent=buffer", "buffer-size=4K")
        try expect(try tool.run("list").contains("late"), "list does not show the added port")
        try tool.run("remove", "late")
        try machine.guest.waitUntil("! grep -qx late /sys/class/virtio-ports/*/name")
        try tool.run("disconnect", "vm.ctl")
        try client.expectEndOfFile()
        try tool.run("log-level", "debug")
        let capture = try tool.run("capture", "start", "--file", "a.pcapng").split(separator: "\n")[0]
        try tool.run("capture", "stop", String(capture))
        try machine.finish()
    }

    /// What goes through a port: files, pipes, programs, other sockets.
    private static func usePorts(_ setting: Setting) throws {
        let tool = try Tool(setting, [.data, Port(name: "vm.shell"), Port(name: "vm.time"), Port(name: "vm.web")])
        let machine = tool.machine
        let file = try Payload.random(byteCount: 5_000_000, in: setting.directory)
        let path = try file.write(in: setting.directory)
        try machine.guest.start("recv", "vserial-file recv /dev/virtio-ports/vm.data /tmp/got")
        try tool.run("send-file", "vm.data", path)
        try machine.guest.finish("recv")
        try expectEqual(try machine.guest.run("sha256sum </tmp/got"), "\(file.checksum)  -", "the file in the guest")
        try machine.guest.start("send", "vserial-file send /dev/virtio-ports/vm.data /tmp/got")
        try tool.run("recv-file", "vm.data", "\(path).back")
        try machine.guest.finish("send")
        let back = try Payload(contentsOf: "\(path).back", in: setting.directory)
        try expectEqual(back.checksum, file.checksum, "the file that came back")

        // As long as no host is connected, a port has an end of file. It stays open: with a port that it closes a guest
        // throws away what it has not read.
        try machine.guest.run("(exec 8<>/dev/virtio-ports/vm.shell; while :; do sh <&8 >&8 2>&1; sleep 0.1; done &)")
        let answer = try ChildProcess.output(
            of: [
                "sh", "-c",
                "echo 'echo $((6 * 7))' | .build/release/vserialctl attach -c \(setting.directory)/control.sock vm.shell --until 42 --timeout 20",
            ], in: setting.directory)
        try expect(answer.contains("42"), "the guest's shell says \(answer)")

        let serve = try tool.start("serve", "vm.time", "--", "echo", "a word from the host")
        for _ in 0..<3 {
            let line = try machine.guest.run(
                """
                exec 8<>/dev/virtio-ports/vm.time; until read -r line <&8; do usleep 20000; done; exec 8<&-
                echo "$line"
                """)
            try expectEqual(line, "a word from the host", "the program's output in the guest")
        }
        serve.send(signal: SIGTERM)
        try expectEqual(try serve.waitForExit(within: .seconds(10)), .code(128 + SIGTERM), "the end of serve")

        let listener = try SocketListener("the other end", at: "\(setting.directory)/other.sock")
        let forward = try tool.start("forward", "vm.web", "unix:\(setting.directory)/other.sock")
        try machine.guest.start("ask", "exec 3<>/dev/virtio-ports/vm.web; echo question >&3; head -n 1 <&3")
        let other = try listener.accept(within: .seconds(20))
        try expectEqual(
            try other.receive(upTo: 9, by: Deadline(within: .seconds(10))), .bytes(Array("question\n".utf8)), "forward")
        try other.send(Array("answer\n".utf8), by: Deadline(within: .seconds(10)))
        try expectEqual(try machine.guest.finish("ask"), "answer", "forward's answer")
        forward.send(signal: SIGTERM)
        try expectEqual(try forward.waitForExit(within: .seconds(10)), .code(128 + SIGTERM), "the end of forward")
        try tool.run("shutdown")
        try expectEqual(
            try machine.daemon?.process.waitForExit(within: .seconds(10)), .code(0), "the daemon's end by vserialctl")
        try machine.killQEMU()
    }

    /// The real guest agent: while it is there, before and after.
    private static func askAgent(_ setting: Setting) throws {
        let agent = "org.qemu.guest_agent.0"
        let tool = try Tool(setting, [Port(name: agent)], guest: "agents")
        let machine = tool.machine
        try expectEqual(
            try tool.start("agent", agent, "ping").waitForExit(within: .seconds(10)), .code(EX_UNAVAILABLE),
            "the end of ping without an agent")
        try machine.guest.run(
            """
            mkdir -p /run
            qemu-ga -m virtio-serial -p /dev/virtio-ports/\(agent) -t /run </dev/null >/tmp/agent.log 2>&1 & agent=$!
            """)
        try machine.guest.waitForPort(agent, "guest_connected", 1)
        try tool.run("agent", agent, "ping")
        try expect(try tool.run("agent", agent, "info").contains("QEMU guest agent 7."), "info shows no version")
        try expectEqual(try tool.run("agent", agent, "exec", "--", "uname", "-s"), "Linux\n", "the output of uname")
        try expectEqual(
            try tool.start("agent", agent, "exec", "--", "sh", "-c", "exit 3").waitForExit(within: .seconds(20)),
            .code(3), "the end of exec")

        let file = try Payload.random(byteCount: 1_000_000, in: setting.directory)
        let path = try file.write(in: setting.directory)
        try tool.run("agent", agent, "file-put", path, "/tmp/put")
        try expectEqual(try machine.guest.run("sha256sum </tmp/put"), "\(file.checksum)  -", "the file in the guest")
        try tool.run("agent", agent, "file-get", "/tmp/put", "\(path).back")
        try expectEqual(
            try Payload(contentsOf: "\(path).back", in: setting.directory).checksum, file.checksum,
            "the file that came back")

        try machine.guest.run("kill $agent")
        try machine.guest.waitForPort(agent, "guest_connected", 0)
        try expectEqual(
            try tool.start("agent", agent, "ping").waitForExit(within: .seconds(10)), .code(EX_UNAVAILABLE),
            "the end of ping after the agent's")
        try machine.finish()
    }
}
