import MachineTestSupport

/// The examples, as a reader runs them: one that no longer works fails here.
extension Scenario {
    static let examples = [
        example("000-hello", ["domain.xml: a valid libvirt domain", "data: Hi there!", "8 MiB sent"]),
        example(
            "001-control-data",
            [
                "event: the guest has opened vm.data", "event: the guest has closed vm.data", "100%",
                "refused, as it should be: checksum", "the next host has put its file", "all of it worked",
            ]),
        example(
            "002-chardev-modes",
            [
                "server, Python: abcd", "server, socat: the guest has heard", "server, nc: the guest has heard",
                "client, the first socat: the guest has heard", "client, the second socat", "pty: the guest has heard",
                "pipe: the guest has heard", "file: a line for the log", "vport0p2/name: vm.server",
            ]),
        example(
            "003-vsock",
            ["Received: Hello, host!", "/dev/virtio-ports/vm.hello says: Hello, guest!", "all of it worked"]),
        example("004-agents", ["bytes there and back", "answers, the same on both devices", "the agent answers"]),
    ]

    /// Its run has to end well and to have said these things.
    private static func example(_ name: String, _ said: [String]) -> Scenario {
        Scenario("example-\(name)", oursOnly: "it starts the daemon by itself") { setting in
            let arguments = "DAEMON_ARGUMENTS=\(setting.daemonArguments.joined(separator: " "))"
            let text = try ChildProcess.output(
                of: ["env", "TMPDIR=\(setting.directory)", arguments, "qemu-examples/\(name)/run"],
                in: setting.directory, within: .seconds(170))
            for line in said { try expect(text.contains(line), "no \"\(line)\" in: \(text)") }
        }
    }
}
