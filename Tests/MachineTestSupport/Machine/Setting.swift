/// Who serves the ports.
package enum Device: String, CaseIterable {
    case ours
    /// QEMU's own virtio-serial, with the same sockets: shows that a scenario itself is sound.
    case builtin
}

/// A guest kernel of scripts/make-qemu-root.
package enum Kernel: String, CaseIterable {
    case newest
    case bookworm = "6.1"
}

/// The layout of virtqueues that the daemon offers.
package enum Rings: String, CaseIterable {
    case split, packed

    /// The daemon's option.
    var daemonArguments: [String] { self == .packed ? ["--packed-rings", "on"] : [] }
}

/// What a scenario runs with.
package struct Setting {
    package let device: Device
    package let kernel: Kernel
    /// For sockets and logs; short, because a socket's path is.
    package let directory: String
    /// The layout of the daemon's rings. QEMU's own device has its own option, and split ones here.
    package let rings: Rings
    /// More options for the daemon, whatever the scenario.
    package let daemonArguments: [String]

    package init(
        device: Device, kernel: Kernel, directory: String, rings: Rings = .split, daemonArguments: [String] = []
    ) {
        self.device = device
        self.kernel = kernel
        self.directory = directory
        self.rings = rings
        self.daemonArguments = rings.daemonArguments + daemonArguments
    }

    /// A machine with these ports, booted and linked, which must end well when `body` has returned.
    package func withMachine(
        _ ports: [Port], _ options: MachineOptions = MachineOptions(), _ body: (Machine) throws -> Void
    ) throws {
        let machine = try Machine(self, ports, options)
        try machine.boot()
        try body(machine)
        try machine.finish()
    }
}
