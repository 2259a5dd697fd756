import ArgumentParser
import ControlProtocol
import Glibc

/// `vserialctl attach`: a person, or a script, at a port.
struct Attach: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Connect this terminal, or a pipe, to a port.",
        discussion: """
            On a terminal every key goes to the guest, Ctrl-C too; Ctrl-] leaves. A console \
            is told how large the window is, if you may change the port. When the daemon is \
            started anew, the session goes on.

            When standard input is no terminal, it is copied to the port, and the port to \
            standard output, until the port ends, --until or --timeout:
            echo uptime | vserialctl attach shell --until '$ ' --timeout 10

            Exit status: 0 when you left, the port ended, or the text came; 65 when the \
            port ended before the text of --until; 75 when --timeout passed; 69 when the \
            daemon or the port cannot be reached; 64 when there is no such port; 128 + N \
            after signal N.
            """)

    @OptionGroup var port: PortTarget

    @Option(help: ArgumentHelp("The key that leaves: ^X, one character, or none.", valueName: "key"))
    var escape = EscapeKey.usual

    @Flag(name: .customLong("no-reconnect"), help: "End when the port's connection ends.")
    var noReconnect = false

    @Flag(help: "Put the time before each line.")
    var timestamps = false

    @Option(help: ArgumentHelp("Append what the port sends to a file, as it is shown.", valueName: "file"))
    var log: String?

    @Option(help: ArgumentHelp("End behind this text from the port.", valueName: "text"))
    var until: String?

    @Option(help: ArgumentHelp("Give up after this long.", valueName: "seconds"))
    var timeout: Double?

    func validate() throws {
        try Deadline.validate(timeout)
        if until == "" { throw ValidationError("--until needs a text") }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let deadline = timeout.map(Deadline.init(seconds:))
            let untilFilter = until.map(UntilFilter.init)
            // The text is looked for before times are put in between.
            var filters: [any RelayFilter] = []
            if let untilFilter { filters.append(untilFilter) }
            if timestamps { filters.append(TimestampFilter()) }
            if let log { filters.append(try LogFilter(path: log)) }
            // Else a pipe that nobody reads would end this process with the terminal raw.
            signal(SIGPIPE, SIG_IGN)

            let found = try port.find()
            if let occupied = found.occupied { Command.printError(occupied) }
            guard isatty(STDIN_FILENO) == 1 else {
                return try PipeSession(port: found, filters: filters, until: untilFilter, deadline: deadline).run()
            }
            try TerminalSession(
                port: found, escape: escape, filters: filters, until: untilFilter, reconnects: !noReconnect,
                deadline: deadline, reporter: reporter(of: found)
            ).run()
        }
    }

    /// How long the user's keys wait for a daemon that stands still.
    private static let patienceMilliseconds: Int32 = 1000

    private func reporter(of found: FoundPort) -> WindowSizeReporter? {
        guard found.status?.console == true else { return nil }
        let control = port.control
        return WindowSizeReporter(name: found.name) { () throws(CommandFailure) in
            try control.connect(patienceMilliseconds: Self.patienceMilliseconds)
        }
    }
}

extension Deadline {
    /// Refuses a `--timeout` that cannot be meant.
    static func validate(_ seconds: Double?) throws {
        if let seconds, !(seconds > 0 && seconds <= maximumSeconds) {
            throw ValidationError("--timeout must be a number of seconds, at most \(Int(maximumSeconds))")
        }
    }
}
