import FoundationEssentials
import Glibc
import MachineTestSupport

/// What the person who runs the daemon relies on.
extension Scenario {
    private static let aboutDaemon = "it is about the daemon"

    static let operation = [
        Scenario("idle-31-ports", oursOnly: aboutDaemon, idle),
        Scenario("wrong-num-vqs", oursOnly: aboutDaemon, wrongQueueCount),
        Scenario("sigterm-quick", oursOnly: aboutDaemon, sigterm),
        Scenario("readme-commands", oursOnly: aboutDaemon, readmeCommands),
    ]

    /// `--boot-loop` runs this one many times.
    static let boots = [Scenario("first-byte", firstByte)]

    private static let idleTime: Duration = .seconds(10)
    private static let residentLimitKiB = 16 << 10

    /// A daemon with nothing to do does nothing, and needs little memory for it.
    private static func idle(_ setting: Setting) throws {
        let machine = try Machine(setting, (0...30).map { Port(name: "port.\($0)") })
        guard let daemon = machine.daemon else { return }
        try expectIdle(daemon, "without a front-end")
        try machine.boot()
        let clients = try (0...30).map { try machine.client("port.\($0)") }
        // Every port open, every client connected, and one of them has been used.
        try machine.guest.run("for port in /dev/virtio-ports/*; do sleep 1000 <$port & done")
        try machine.guest.waitForPort("port.30", "guest_connected", 1)
        try machine.guest.waitForPort("port.30", "host_connected", 1)
        try clients[30].send(line: "nobody reads this")
        try expectIdle(daemon, "with 31 open ports")
        try machine.finish()
    }

    private static func expectIdle(_ daemon: Daemon, _ situation: String) throws {
        // What came before (a start, a connection) may still be on its way to the log.
        var before = -1
        try Deadline.wait(for: "the daemon's rest \(situation)", within: .seconds(10)) {
            let last = before
            Deadline.pause(.milliseconds(300))
            before = try daemon.sleepCount()
            return before == last
        }
        Deadline.pause(idleTime)
        try expectEqual(try daemon.sleepCount() - before, 0, "wake-ups in \(idleTime) \(situation)")
        let resident = try daemon.residentKiB()
        try expect(resident < residentLimitKiB, "\(resident) KiB resident \(situation)")
    }

    /// Too few queues on QEMU's command line: the guest gets no port at all, and the log says why.
    private static func wrongQueueCount(_ setting: Setting) throws {
        var options = MachineOptions()
        options.queueCount = 6
        let machine = try Machine(setting, [.control], options)
        try machine.startQEMU()
        try machine.guest.waitForBoot()
        try expectEqual(try machine.guest.run("ls /sys/class/virtio-ports | wc -l"), "0", "ports in the guest")
        let log = machine.daemon?.loggedText() ?? ""
        try expect(log.contains("num_vqs=6") && log.contains("64"), "the daemon's log does not name num_vqs: \(log)")
        try machine.finish()
    }

    /// The daemon ends within 100 ms, with a guest and a client in the middle of a stream.
    private static func sigterm(_ setting: Setting) throws {
        let machine = try Machine(setting, [.data])
        try machine.boot()
        let client = try machine.client("vm.data")
        try machine.guest.run("(seq 1 10000000 >/dev/virtio-ports/vm.data) 2>/dev/null &")
        for number in 1...1000 { try expectEqual(try client.receiveLine(), "\(number)", "line") }
        let duration = try machine.daemon?.terminate() ?? .zero
        try expect(duration < .milliseconds(100), "SIGTERM took \(duration)")
        try machine.killQEMU()
    }

    /// The least a boot has to do.
    private static func firstByte(_ setting: Setting) throws {
        try setting.withMachine([.control, .data]) { machine in
            let client = try machine.client("vm.ctl")
            try machine.guest.run("printf 1 >/dev/virtio-ports/vm.ctl")
            try expectEqual(try client.receive(1), [UInt8(ascii: "1")], "the first byte")
            guard setting.device == .ours else { return }
            // VIRTIO_F_RING_PACKED is bit 34: the rings are what they are believed to be.
            let packed = try machine.guest.run("cut -c 35 /sys/bus/virtio/devices/virtio0/features")
            try expectEqual(packed, setting.rings == .packed ? "1" : "0", "the feature bit of packed rings")
        }
    }

    /// The two commands that the README shows are the ones that these scenarios run: every word of them, but for the
    /// directory.
    private static func readmeCommands(_ setting: Setting) throws {
        let readme = String(decoding: FileManager.default.contents(atPath: "README.md") ?? Data(), as: UTF8.self)
        let parts = readme.split(separator: "<!-- tested: ")
        try expectEqual(parts.count, 3, "parts of the README around the commands")
        let commands = parts[1].replacing("\\\n", with: "").split(separator: "\n").filter {
            $0.contains(" --socket-path ") || $0.contains(" -chardev ")
        }
        try expectEqual(commands.count, 2, "commands in the README")
        try setting.withMachine([.control, .data]) { machine in
            let running = try [machine.daemon?.process.processID, machine.qemu.processID].compactMap { $0 }.map(
                arguments)
            for (command, running) in zip(commands, running) {
                // The program's own name is a path here, and `&` is the shell's.
                let words = command.split(separator: " ").dropFirst().filter { $0 != "&" }
                for word in words {
                    let expected = String(word).replacing("/run/vm1", with: setting.directory)
                    try expect(running.contains(expected), "\(expected) is in the README and not in: \(running)")
                }
            }
        }
    }

    /// The arguments that a process was started with.
    private static func arguments(of process: pid_t) -> [String] {
        let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
    }
}
