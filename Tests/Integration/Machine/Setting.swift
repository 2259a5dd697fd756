import ArgumentParser

/// Who serves the ports.
enum Device: String, CaseIterable, ExpressibleByArgument {
    case ours
    /// QEMU's own virtio-serial, with the same sockets: shows that a scenario itself is sound.
    case builtin
}

/// A guest kernel of scripts/make-qemu-root.
enum Kernel: String, CaseIterable, ExpressibleByArgument {
    case newest
    case bookworm = "6.1"
}

/// What a scenario runs with.
struct Setting {
    let device: Device
    let kernel: Kernel
    /// For sockets and logs; short, because a socket's path is.
    let directory: String

    /// A machine with these ports, booted and linked, which must end well when `body` has returned.
    func withMachine(
        _ ports: [Port], _ options: MachineOptions = MachineOptions(), _ body: (Machine) throws -> Void
    ) throws {
        let machine = try Machine(self, ports, options)
        try machine.boot()
        try body(machine)
        try machine.finish()
    }
}
