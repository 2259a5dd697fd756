import ClientProtocols
import Glibc
import LinuxIO

/// A person's terminal at a port, for as long as he stays.
final class TerminalSession {
    /// Why a connection is no longer carried.
    private enum End {
        case left, portEnded
    }

    private let port: FoundPort
    private let escape: EscapeKey
    private let filters: [any RelayFilter]
    private let until: UntilFilter?
    private let reconnects: Bool
    private let deadline: Deadline?
    private let reporter: WindowSizeReporter?
    private let terminal: Terminal
    private let signals: AttachSignals
    private let input: any ByteSource
    private let output: any ByteSink

    /// Between two attempts to connect: doubled each time up to a maximum.
    private static let firstPauseSeconds = 0.1
    private static let longestPauseSeconds = 2.0
    /// A connection that ended sooner was never the port's: the daemon closes those that it does not admit.
    private static let shortSeconds = 1.0

    /// - Parameters:
    ///   - port: what to connect to.
    ///   - escape: the key that ends the session.
    ///   - filters: for what comes from the port.
    ///   - until: the one of the filters that waits for a text; nil when none does.
    ///   - reconnects: whether the session outlives the port's end.
    ///   - deadline: when it ends in any case; nil for never.
    ///   - reporter: for the window's size; nil for a port that has none.
    /// - Throws: `system` when standard input is no terminal.
    init(
        port: FoundPort, escape: EscapeKey, filters: [any RelayFilter], until: UntilFilter?, reconnects: Bool,
        deadline: Deadline?, reporter: WindowSizeReporter?
    ) throws(CommandFailure) {
        self.port = port
        self.escape = escape
        self.filters = filters
        self.until = until
        self.reconnects = reconnects
        self.deadline = deadline
        self.reporter = reporter
        signals = try AttachSignals()
        terminal = try Terminal()
        input = try StandardStream.input()
        output = try StandardStream.output()
    }

    /// Carries bytes until the user leaves.
    func run() throws(CommandFailure) {
        defer { terminal.restore() }
        var socket = SocketEnd(try port.connect())
        Command.printError("connected to \(PrintableText.escaping(port.name))" + leaveHint)
        try takeTerminal()
        var pause = Self.firstPauseSeconds
        while true {
            let short = Deadline(seconds: Self.shortSeconds)
            guard try carry(socket) == .portEnded else { break }
            guard reconnects else {
                say("the port's connection has ended")
                if until != nil { throw UntilFilter.missed }
                return
            }
            pause = short.hasPassed ? Self.firstPauseSeconds : min(2 * pause, Self.longestPauseSeconds)
            // Said once, however often a connection is closed at once.
            if pause <= 2 * Self.firstPauseSeconds { say("the port is gone; waiting for it" + leaveHint) }
            guard let again = try reconnect(pausing: pause) else { break }
            socket = again
            if pause <= 2 * Self.firstPauseSeconds { say("connected again") }
            reporter?.forget()
            reporter?.report(terminal.size)
        }
        say("left \(PrintableText.escaping(port.name))")
    }

    /// What leads out of here.
    private var leaveHint: String { escape.byte == nil ? "" : "; \(escape.text) leaves" }

    private func carry(_ socket: SocketEnd) throws(CommandFailure) -> End {
        var relay = Relay(
            toPort: RelayFlow(from: input, to: socket, filters: [EscapeFilter(escape)]),
            fromPort: RelayFlow(from: socket, to: output, filters: filters), endsWith: .portOrNear)
        while true {
            switch try relay.run(watching: [signals.descriptor], until: deadline) {
            case .stopped: return .left
            case .timedOut: throw .timedOut("the time is over")
            case .readable: try obeySignals()
            case .ended where relay.fromPort.end == .sinkGone: throw .outputClosed
            // The terminal's line was cut.
            case .ended where relay.fromPort.end == nil: return .left
            case .ended: return .portEnded
            }
        }
    }

    /// Tries to connect until it works. What is typed meanwhile goes nowhere.
    ///
    /// - Returns: nil when the user leaves.
    private func reconnect(pausing first: Double) throws(CommandFailure) -> SocketEnd? {
        let filter = EscapeFilter(escape)
        var pause = first
        while true {
            let next = Deadline(seconds: pause)
            pause = min(2 * pause, Self.longestPauseSeconds)
            while !next.hasPassed {
                var entries = [input.descriptor, signals.descriptor]
                    .map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
                try Readiness.wait(for: &entries, until: next)
                if entries[1].revents != 0 { try obeySignals() }
                guard entries[0].revents != 0 else { continue }
                var typed: [UInt8] = []
                let outcome = try input.read(appendingTo: &typed, atMost: 4096)
                if outcome == .endOfFile || filter.pass(&typed) != .goOn { return nil }
            }
            if deadline?.hasPassed == true { throw .timedOut("the time is over") }
            // Whatever it fails with can pass: a daemon that starts has no socket, then one that nobody may use yet.
            if let stream = try? port.connect() { return SocketEnd(stream) }
        }
    }

    // MARK: The terminal

    private func obeySignals() throws(CommandFailure) {
        while let request = try signals.next() {
            switch request {
            case .end(let signal): throw .interrupted(signal: signal)
            case .suspend: try suspend()
            case .resume: try takeTerminal()
            case .resize: reporter?.report(terminal.size)
            }
        }
    }

    /// Makes the terminal ours. In the background it is somebody else's: SIGCONT comes when that changes.
    private func takeTerminal() throws(CommandFailure) {
        guard terminal.isForeground else { return }
        try terminal.makeRaw()
        reporter?.report(terminal.size)
    }

    /// Stops as any other program does that SIGTSTP reaches, and goes on after SIGCONT.
    private func suspend() throws(CommandFailure) {
        terminal.restore()
        var stop = sigset_t()
        unsafe sigemptyset(&stop)
        unsafe sigaddset(&stop, SIGTSTP)
        raise(SIGTSTP)
        // Pending until it is let through; the process stands still in the first of the two calls.
        unsafe pthread_sigmask(SIG_UNBLOCK, &stop, nil)
        unsafe pthread_sigmask(SIG_BLOCK, &stop, nil)
        // Not left to SIGCONT, which raise(3) takes back when it came early, and which never comes where the kernel
        // drops SIGTSTP: in a group that no shell looks after.
        try takeTerminal()
    }

    /// A line for the user between what the port sends.
    private func say(_ text: String) {
        let wasRaw = terminal.isRaw
        terminal.restore()
        Command.printError(text, onNewLine: true)
        if wasRaw { try? terminal.makeRaw() }
    }
}
