import ArgumentParser

/// `vserialctl forward`: another socket for each program in the guest.
struct Forward: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect a port to another socket each time the guest opens it.",
        discussion: """
            vserialctl forward web tcp:localhost:80
            vserialctl forward agent unix:/run/user/1000/keys.sock

            Either side may stop sending and still receive. The connection is closed when the \
            guest closes the port. When nobody answers, the guest sees the host's end close, \
            and the next opening tries again.

            Runs until a signal comes (exit status 128 + N) or the daemon goes (69).
            """)

    @OptionGroup var port: PortTarget

    @Argument(help: "tcp:HOST:PORT, with an IPv6 address in brackets, or unix:PATH.")
    var target: ForwardTarget

    @Option(help: ArgumentHelp("How long a TCP connection may take to be made.", valueName: "seconds"))
    var timeout = 10.0

    func validate() throws { try Deadline.validate(timeout) }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            try port.serve(ForwardedConnection(to: target, timeoutSeconds: timeout))
        }
    }
}
