import ArgumentParser
import ClientProtocols
import ControlProtocol

/// `vserialctl agent`: what the QEMU guest agent can be asked for.
struct Agent: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the QEMU guest agent behind a port.",
        discussion: """
            vserialctl agent NAME ping                      see whether it answers
            vserialctl agent NAME info                      its version and commands
            vserialctl agent NAME exec -- PROGRAM ARG…      run a program in the guest
            vserialctl agent NAME file-get GUEST HOST       copy a file from the guest
            vserialctl agent NAME file-put HOST GUEST       copy a file to the guest
            vserialctl agent NAME shutdown [MODE]           powerdown, reboot or halt
            vserialctl agent NAME fsfreeze-status           thawed or frozen
            vserialctl agent NAME raw JSON                  send a line, print the answer

            exec prints what the program prints, and exits as it does; it may run for as \
            long as it likes, unless --run-timeout is given. Other exit statuses: 1 the \
            agent refuses, 65 the port ended, 69 nobody is there, 75 no answer in time.
            """)

    /// What the agent is asked for.
    enum Action: String, ExpressibleByArgument, CaseIterable {
        case ping, info, exec
        case fileGet = "file-get"
        case filePut = "file-put"
        case shutdown
        case fsfreezeStatus = "fsfreeze-status"
        case raw

        /// How many arguments there are.
        var argumentCounts: ClosedRange<Int> {
            switch self {
            case .ping, .info, .fsfreezeStatus: 0...0
            case .exec: 1...Int.max
            case .fileGet, .filePut: 2...2
            case .shutdown: 0...1
            case .raw: 1...1
            }
        }

        /// Whether a signal would leave something behind: a part of a file here, or an open one in the guest.
        var copiesFile: Bool { self == .fileGet || self == .filePut }
    }

    @OptionGroup var port: PortTarget

    @Argument(help: "What to ask for.")
    var action: Action

    @Argument(help: ArgumentHelp("As the action needs them.", valueName: "argument"))
    var arguments: [String] = []

    @Option(help: ArgumentHelp("How long to wait for each answer.", valueName: "seconds"))
    var timeout = 5.0

    @Option(help: ArgumentHelp("How long a program of exec may run.", valueName: "seconds"))
    var runTimeout: Double?

    @Flag(help: "Print the answer of info as JSON.")
    var json = false

    private static let shutdownModes = ["powerdown", "reboot", "halt"]

    func validate() throws {
        try Deadline.validate(timeout)
        try Deadline.validate(runTimeout)
        guard action.argumentCounts.contains(arguments.count) else {
            throw ValidationError("\(action.rawValue): wrong number of arguments; see vserialctl help agent")
        }
        if action == .shutdown, let mode = arguments.first, !Self.shutdownModes.contains(mode) {
            throw ValidationError("shutdown: \(mode) is none of \(Self.shutdownModes.joined(separator: ", "))")
        }
    }

    func run() throws {
        var exitCode: Int32 = 0
        try Command.run { () throws(CommandFailure) in
            let found = try port.find()
            try found.requireOpenInGuest(by: "qemu-ga")
            if let occupied = found.occupied { Command.printError(occupied) }
            let stream = TimedStream(try found.connect(), endingSignals: action.copiesFile ? try EndingSignals() : nil)
            exitCode = try ask(try AgentClient(stream, timeoutSeconds: timeout))
        }
        if exitCode != 0 { throw ArgumentParser.ExitCode(exitCode) }
    }

    /// - Returns: the exit status.
    private func ask(_ agent: AgentClient) throws(CommandFailure) -> Int32 {
        switch action {
        case .ping:
            _ = try agent.call("guest-ping", returning: AgentNothing.self)
            try StandardOutput.write("the agent answers\n")
        case .info: try showInfo(agent)
        case .exec: return try execute(agent)
        case .fileGet: try getFile(agent, from: arguments[0], to: arguments[1])
        case .filePut: try putFile(agent, from: arguments[0], to: arguments[1])
        case .shutdown: try agent.shutdown(mode: arguments.first ?? "powerdown")
        case .fsfreezeStatus:
            let status = try agent.call("guest-fsfreeze-status", returning: String.self)
            try StandardOutput.write(PrintableText.escaping(status) + "\n")
        case .raw:
            let answer = try agent.exchange(Array((arguments[0] + "\n").utf8))
            // For a program, not for the eye: as it came.
            try StandardOutput.write(answer + [UInt8(ascii: "\n")])
        }
        return 0
    }

    private func showInfo(_ agent: AgentClient) throws(CommandFailure) {
        let info = try agent.call("guest-info", returning: AgentInfo.self)
        guard !json else { return try StandardOutput.write(JSONText.line(info)) }
        let commands = info.supportedCommands.sorted { $0.name < $1.name }
        let lines = commands.map { "  \(PrintableText.escaping($0.name))\($0.enabled ? "" : " (disabled)")\n" }
        try StandardOutput.write("QEMU guest agent \(PrintableText.escaping(info.version))\n" + lines.joined())
    }

    private func execute(_ agent: AgentClient) throws(CommandFailure) -> Int32 {
        let result = try AgentProgram(agent: agent).run(
            arguments[0], Array(arguments.dropFirst()), until: runTimeout.map(Deadline.init(seconds:)))
        try StandardOutput.write(result.output)
        StandardErrorText.write(result.errors)
        if result.isTruncated { Command.printError("the agent has kept only the first part of the output") }
        return result.exitCode
    }

    private func getFile(_ agent: AgentClient, from guestPath: String, to path: String) throws(CommandFailure) {
        let file = try ReceivedFile(path: path)
        let progress = ProgressLine(path, total: nil)
        try AgentFile.open(guestPath, mode: "r", with: agent) { source throws(CommandFailure) in
            while let piece = try source.read() {
                try file.write(piece)
                progress.advance(piece.count)
            }
        }
        progress.end()
        try file.keep()
    }

    private func putFile(_ agent: AgentClient, from path: String, to guestPath: String) throws(CommandFailure) {
        let file = try LocalFile(path: path)
        let progress = ProgressLine(path, total: file.byteCount)
        try AgentFile.open(guestPath, mode: "w", with: agent) { target throws(CommandFailure) in
            while case let piece = try file.read(atMost: AgentFile.pieceByteCount), !piece.isEmpty {
                try target.write(piece)
                progress.advance(piece.count)
            }
        }
        progress.end()
    }
}
