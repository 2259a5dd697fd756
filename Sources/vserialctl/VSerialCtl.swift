import ArgumentParser

/// What a person types to look after a VM's ports. It talks to the daemon's control socket and to the ports' sockets, as
/// any other program could, and holds no privilege.
@main
struct VSerialCtl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vserialctl",
        abstract: "Look after a VM's virtio-serial ports, served by vhost-user-serial.",
        version: "0.1.0",
        subcommands: [
            Events.self,
            List.self,
            Top.self,
            Watch.self,
        ])
}
