import ArgumentParser
import ControlProtocol

/// `vserialctl capture start`: a capture into a file of the daemon's, or to the standard output.
struct CaptureStart: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start",
        abstract: "Begin a capture.",
        discussion: """
            With --file the daemon writes it, into its --capture-dir, and the capture's \
            number is printed, for capture stop. With --stream it comes here until \
            Ctrl-C: vserialctl capture start --stream | wireshark -k -i -
            """)

    @OptionGroup var control: ControlOptions

    @Option(help: ArgumentHelp("The file's name in the daemon's --capture-dir.", valueName: "name"))
    var file: String?

    @Flag(help: "Write the capture to the standard output.")
    var stream = false

    @Option(
        help: ArgumentHelp("With --file: begin another file after so many bytes, 64M for example.", valueName: "size"))
    var maxSize: String?

    @Option(help: ArgumentHelp("With --file: keep the newest files, so many.", valueName: "n"))
    var files: Int?

    @Option(help: ArgumentHelp("Keep so many bytes of each packet (default: 65535).", valueName: "bytes"))
    var snaplen: Int?

    @Flag(help: "Capture the vhost-user messages too.")
    var frontend = false

    @Argument(help: "The ports' names (default: all there are).", completion: PortNames.completion)
    var names: [String] = []

    func validate() throws {
        guard (file != nil) != stream else { throw ValidationError("say either --file NAME or --stream") }
        guard file != nil || (maxSize == nil && files == nil) else {
            throw ValidationError("--max-size and --files are for --file")
        }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            guard let file else { return try copyStream() }
            var arguments: [String: JSONValue] = ["file": .string(file)]
            if !names.isEmpty { arguments["ports"] = .array(names.map { .string($0) }) }
            if let maxSize { arguments["max-size"] = Int64(maxSize).map { .integer($0) } ?? .string(maxSize) }
            if let files { arguments["files"] = .integer(Int64(files)) }
            if let snaplen { arguments["snaplen"] = .integer(Int64(snaplen)) }
            if frontend { arguments["frontend"] = true }
            let started = try control.connect().call(.captureStart, arguments, returning: StartedCapture.self)
            try StandardOutput.write("\(started.capture)\n")
        }
    }

    private func copyStream() throws(CommandFailure) {
        guard !StandardOutput.isTerminal else {
            throw .usage("a capture is no text: send it to a file or a program, with > or |; or use vserialctl watch")
        }
        let stream = try CaptureStream(
            control.connect(), ports: names, snapshotLength: snaplen, withFrontend: frontend)
        while let piece = try stream.next() { try StandardOutput.write(piece) }
    }
}
