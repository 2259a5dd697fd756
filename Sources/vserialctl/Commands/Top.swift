import ArgumentParser
import ControlProtocol
import LinuxIO

/// `vserialctl top`: how fast the ports are, and what waits.
struct Top: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show how fast the ports are and what waits, again and again.",
        discussion: """
            TO HOST/s and TO GUEST/s are bytes that arrived. WAITED is the share of the \
            time in which bytes of that direction had to wait for their reader; a * says \
            that they do now. The busiest ports come first. On a terminal q or Ctrl-C \
            ends it.
            """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print a line of JSON each time.")
    var json = false

    @Option(
        name: [.long, .customShort("i")],
        help: ArgumentHelp("How long to measure each time.", valueName: "seconds"))
    var interval = 2.0

    @Option(name: [.long, .customShort("n")], help: ArgumentHelp("End after so many times.", valueName: "n"))
    var count: Int?

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count must be 1 or more") }
        guard interval >= 0.1, interval <= 3600 else {
            throw ValidationError("--interval must be a number of seconds, 0.1 to 3600")
        }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let client = try control.connect()
            if json || !Screen.isPossible {
                try printLines(of: client)
            } else {
                try draw(client, on: try Screen())
            }
        }
    }

    // MARK: For programs and files

    private func printLines(of client: ControlClient) throws(CommandFailure) {
        var meter = PortMeter()
        try meter.take(from: client)
        var printed = 0
        while printed != count {
            try client.ignoreEvents(until: Deadline(seconds: interval))
            try meter.take(from: client)
            if json {
                try StandardOutput.write(JSONText.line(meter.report))
            } else {
                let blank = printed == 0 ? [] : [""]
                let lines = blank + [title(meter)] + TopText.table(meter).lines(isStyled: false)
                try StandardOutput.write(lines.map { $0 + "\n" }.joined())
            }
            printed += 1
        }
    }

    // MARK: For people

    private func draw(_ client: ControlClient, on screen: Screen) throws(CommandFailure) {
        defer { screen.leave() }
        client.endingSignals = screen.ending
        var meter = PortMeter()
        try meter.take(from: client)
        var shown = 0
        while true {
            try show(meter, on: screen)
            if shown == count { return }
            guard try wait(Deadline(seconds: interval), client, screen, meter) else { return }
            try meter.take(from: client)
            shown += 1
        }
    }

    /// Waits, and draws anew when the window has changed; false when the user has seen enough.
    private func wait(
        _ deadline: Deadline, _ client: ControlClient, _ screen: Screen, _ meter: PortMeter
    ) throws(CommandFailure) -> Bool {
        while true {
            switch try screen.wait(until: deadline, also: client.descriptor) {
            case .timeOver: return true
            case .quit: return false
            case .windowChanged: try show(meter, on: screen)
            case .readable: try client.ignoreEvents(until: Deadline(seconds: 0))
            }
        }
    }

    private func show(_ meter: PortMeter, on screen: Screen) throws(CommandFailure) {
        let size = screen.size
        let table = TopText.table(meter).lines(isStyled: TextStyle.isWanted, width: size.columns)
        let heading = String("\(title(meter)), every \(TopText.seconds(interval)), q ends".prefix(size.columns))
        try screen.show(TopText.fitted([heading, ""] + table, rows: size.rows))
    }

    private func title(_ meter: PortMeter) -> String {
        let total = meter.rates.reduce(into: (toHost: 0.0, toGuest: 0.0)) {
            $0.toHost += $1.toHost?.bytesPerSecond ?? 0
            $0.toGuest += $1.toGuest?.bytesPerSecond ?? 0
        }
        return "\(LocalTime.now())  ports \(meter.rates.count), to host \(TopText.rate(total.toHost))/s, "
            + "to guest \(TopText.rate(total.toGuest))/s"
    }
}
