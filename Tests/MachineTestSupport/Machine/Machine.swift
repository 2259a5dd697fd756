import FoundationEssentials

/// What differs from a 512 MiB machine with default kernel and daemon.
package struct MachineOptions {
    package var memory = "512M"
    /// The value of QEMU's `-m` when it says more than the size.
    package var memoryOption: String?
    /// `num_vqs` on QEMU's command line.
    package var queueCount: Int?
    /// `vq_size` on QEMU's command line.
    package var queueSize: Int?
    /// The name of the guest's initramfs when it is not that of the kernel.
    package var guest: String?
    /// More of QEMU's options.
    package var qemuArguments: [String] = []
    package var daemonArguments: [String] = []
    /// All of the daemon and the guest on processor 0.
    package var onOneProcessor = false

    package init() {}
}

/// One device, one QEMU, one guest.
package final class Machine {
    package let setting: Setting
    /// `nil` with QEMU's own device.
    package let daemon: Daemon?
    private let ports: [Port]
    private let options: MachineOptions
    private var clients: [PortClient] = []
    private var running: (qemu: ChildProcess, qmp: QMPClient, guest: GuestShell)?

    /// Starts the daemon; ``boot()`` starts QEMU.
    package init(_ setting: Setting, _ ports: [Port], _ options: MachineOptions = MachineOptions()) throws {
        self.setting = setting
        self.ports = ports
        self.options = options
        daemon =
            setting.device == .builtin
            ? nil
            : try Daemon(
                ports, in: setting.directory, arguments: setting.daemonArguments + options.daemonArguments,
                prefix: Self.prefix(options))
    }

    /// QEMU first: it would fill its log with complaints about a daemon that is gone.
    deinit { running?.qemu.kill() }

    /// The guest's shell, as long as QEMU runs.
    package var guest: GuestShell {
        get throws { try part().guest }
    }

    package var qmp: QMPClient {
        get throws { try part().qmp }
    }

    package var qemu: ChildProcess {
        get throws { try part().qemu }
    }

    /// A new client, which stays connected until it is closed or the machine is gone.
    package func client(_ port: String) throws -> PortClient {
        let client = try PortClient(of: port, in: setting.directory)
        clients.append(client)
        return client
    }

    /// Starts QEMU and waits until the guest has all ports.
    package func boot() throws {
        try startQEMU()
        try waitForGuest()
    }

    /// Starts QEMU without waiting for the guest.
    package func startQEMU() throws {
        let directory = setting.directory
        let serial = try SocketListener("the serial line", at: "\(directory)/serial.sock")
        let control = try SocketListener("QMP", at: "\(directory)/qmp.sock")
        let arguments = [
            "qemu-examples/000-hello/start-guest", directory,
            "-chardev", "socket,id=serial,path=\(directory)/serial.sock", "-serial", "chardev:serial",
            "-chardev", "socket,id=qmp,path=\(directory)/qmp.sock", "-qmp", "chardev:qmp",
        ]
        var environment = [
            "KERNEL": setting.kernel.rawValue, "APPEND": "plain-shell", "MEMORY": options.memory,
            "DEVICE": setting.device == .ours ? "vhost-user" : "none",
        ]
        environment["MEMORY_OPTION"] = options.memoryOption
        environment["QUEUES"] = options.queueCount.map { "\($0)" }
        environment["VQ_SIZE"] = options.queueSize.map { "\($0)" }
        environment["GUEST"] = options.guest
        let qemu = try ChildProcess(
            "QEMU", Self.prefix(options) + arguments + builtinArguments + options.qemuArguments,
            environment: environment,
            output: "\(directory)/qemu.log")
        let line = try serial.accept(within: .seconds(20))
        running = (
            qemu, try QMPClient(try control.accept(within: .seconds(20))),
            try GuestShell(line, log: "\(directory)/guest.log")
        )
    }

    /// Waits for the shell and the ports, after a start or a reboot.
    package func waitForGuest() throws {
        try guest.waitForBoot()
        try guest.linkPorts(ports.map(\.name))
    }

    /// Takes the guest's driver from the device, which resets it, and gives it back.
    package func rebindDriver() throws {
        try guest.run(
            """
            cd /sys/bus/virtio/drivers/virtio_console
            device=$(echo virtio*); echo $device >unbind; echo $device >bind; cd /
            """)
        try guest.linkPorts(ports.map(\.name))
    }

    /// Ends QEMU as a crash does.
    package func killQEMU() throws {
        try qemu.kill()
        running = nil
    }

    /// Checks that nothing complained, and ends everything in the orderly way.
    package func finish() throws {
        let complaints = try guest.run("dmesg | grep -E 'BUG:|WARNING:|Oops|lockup|stall|hung_task|blocked for' || :")
        try expect(complaints.isEmpty, "the guest's kernel complains: \(complaints)")
        try qmp.execute("quit")
        try expectEqual(try qemu.waitForExit(within: .seconds(20)), .code(0), "QEMU's end")
        running = nil
        try daemon?.terminate()
    }

    private func part() throws -> (qemu: ChildProcess, qmp: QMPClient, guest: GuestShell) {
        guard let running else { throw Failure("QEMU does not run") }
        return running
    }

    /// None for a machine without ports, which brings a device of its own.
    private var builtinArguments: [String] {
        guard setting.device == .builtin, !ports.isEmpty else { return [] }
        return ["-device", "virtio-serial-pci"] + ports.flatMap { $0.builtinArguments(in: setting.directory) }
    }

    private static func prefix(_ options: MachineOptions) -> [String] {
        options.onOneProcessor ? ["taskset", "-c", "0"] : []
    }
}
