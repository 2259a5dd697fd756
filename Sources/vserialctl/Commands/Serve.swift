import ArgumentParser
import ControlProtocol
import Glibc

/// `vserialctl serve`: a program on the host for each program in the guest.
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a program each time the guest opens a port.",
        discussion: """
            The program has the port as its standard input and output, and its name in \
            $VSERIAL_PORT: vserialctl serve time -- date
            When the guest closes the port, the program's input ends; if it does not end \
            then, it gets SIGTERM after --grace seconds, and SIGKILL as long after that. How \
            it ended is written to standard error. When it ends first, the guest sees the \
            host's end close.

            A guest that closes and opens the port at once gets two programs, but some of \
            its bytes may reach the first one too late. With the port's key \
            guest-close=disconnect each program gets exactly the bytes of its opening.

            Runs until a signal comes (exit status 128 + N) or the daemon goes (69).
            """)

    @OptionGroup var port: PortTarget

    @Argument(help: ArgumentHelp("The program and its arguments, after --.", valueName: "program"))
    var program: [String]

    @Option(help: ArgumentHelp("How long the program may take to end by itself.", valueName: "seconds"))
    var grace = 5.0

    func validate() throws {
        if !(grace >= 0 && grace <= Deadline.maximumSeconds) {
            throw ValidationError("--grace must be a number of seconds, at most \(Int(Deadline.maximumSeconds))")
        }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            try port.serve(ServedProgram(program, portName: port.name, graceSeconds: grace))
        }
    }
}

extension PortTarget {
    /// Serves the port until something ends it. The daemon is asked in any case: only its events tell when the guest
    /// opens the port.
    func serve(_ side: any NearSide) throws(CommandFailure) {
        // Else a log that nobody reads would end us, and leave the program behind.
        signal(SIGPIPE, SIG_IGN)
        let client = try control.connect()
        let found = try find(askedOf: client)
        if let occupied = found.occupied { Command.printError(occupied) }
        let presence = GuestPresence(name: name, client: client, isOpen: found.status?.guestOpen == true)
        try PortService(port: found, presence: presence, side: side).run()
    }
}
