import ArgumentParser

/// What a person types to look after a VM's ports. It talks to the daemon's control socket and to the ports' sockets, as
/// any other program could, and holds no privilege.
@main
struct VSerialCtl: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vserialctl",
        abstract: "Look after a VM's virtio-serial ports, served by vhost-user-serial.",
        discussion: """
            VSERIALCTL_CONTROL can name the daemon's control socket, in place of \
            --control with every command.

            EXIT STATUS:
              0    done                          71  a system call failed
              1    the daemon refuses            75  the time was over, or no answer
              64   wrong usage                   76  not a daemon of this kind
              69   no daemon, or it has gone     128 and more: ended by a signal
            """,
        version: "0.1.0",
        subcommands: [
            Add.self,
            Agent.self,
            Attach.self,
            Capture.self,
            Disconnect.self,
            DoctorCommand.self,
            Events.self,
            Forward.self,
            LibvirtXML.self,
            List.self,
            LogLevel.self,
            Metrics.self,
            QEMUArgs.self,
            RecvFile.self,
            Remove.self,
            SendFile.self,
            Serve.self,
            SetPort.self,
            Shutdown.self,
            Top.self,
            Watch.self,
        ])
}
