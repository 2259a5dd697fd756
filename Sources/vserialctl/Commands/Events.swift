import ArgumentParser
import ControlProtocol
import LinuxIO

/// `vserialctl events`: what happens, as it happens.
struct Events: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what happens, one line for each event.",
        discussion: """
            Ends when the daemon does, or by Ctrl-C. With --until a script waits for \
            something: vserialctl events --until GUEST_READY --timeout 60
            """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print each event as it came, as JSON.")
    var json = false

    @Option(help: ArgumentHelp("End after this many events.", valueName: "n"))
    var count: Int?

    @Option(help: ArgumentHelp("End after the first event of this name.", valueName: "name"))
    var until: String?

    @Option(help: ArgumentHelp("Give up after this long; the exit status is 75 then.", valueName: "seconds"))
    var timeout: Double?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be 1 or more") }
        if let timeout, !(timeout > 0 && timeout <= Deadline.maximumSeconds) {
            throw ValidationError("--timeout must be a number of seconds, at most \(Int(Deadline.maximumSeconds))")
        }
        // A wrong name would be waited for without end.
        if let until, ControlEvent.Name(rawValue: until) == nil {
            let names = ControlEvent.Name.allCases.map(\.rawValue).joined(separator: ", ")
            throw ValidationError("--until: there is no event \(until); there are \(names)")
        }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let client = try control.connect()
            let deadline = timeout.map(Deadline.init(seconds:))
            let isStyled = TextStyle.isWanted
            var seen = 0
            var isShutDown = false
            while let event = try next(from: client, deadline: deadline, afterShutdown: isShutDown) {
                try StandardOutput.write(
                    json ? JSONText.line(event) : EventText.line(event, isStyled: isStyled) + "\n")
                seen += 1
                isShutDown = event.name == .shutdown
                if seen == count || event.event == until { return }
            }
        }
    }

    /// The next event; nil when the daemon has gone as it said it would, and nobody waits for more.
    private func next(
        from client: ControlClient, deadline: Deadline?, afterShutdown: Bool
    ) throws(CommandFailure) -> ControlEvent? {
        do throws(CommandFailure) {
            while true {
                let event = try client.nextEvent(timeoutMilliseconds: deadline?.remainingMilliseconds)
                if let event { return event }
                if deadline?.hasPassed == true { throw .timedOut("not within \(timeout ?? 0) seconds") }
            }
        } catch .disconnected where afterShutdown && count == nil && until == nil {
            return nil
        } catch {
            throw error
        }
    }
}
