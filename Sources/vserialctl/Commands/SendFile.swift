import ArgumentParser

/// `vserialctl send-file`: a file to the guest.
struct SendFile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a file to the guest.",
        discussion: """
            Run vserial-file (share/guest) in the guest, before or after this: \
            vserial-file recv /dev/virtio-ports/NAME FILE

            Exit status: 0 when the guest has checked the file; 65 when it has not, or the \
            port ended; 75 when the guest did nothing for as long as --timeout says.
            """)

    @OptionGroup var port: PortTarget

    @Argument(help: "The file to send.")
    var file: String

    @Option(help: ArgumentHelp("How long the guest may do nothing.", valueName: "seconds"))
    var timeout = 30.0

    func validate() throws { try Deadline.validate(timeout) }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let source = try LocalFile(path: file)
            let found = try port.find()
            if let occupied = found.occupied { Command.printError(occupied) }
            let transfer = FileTransfer(stream: TimedStream(try found.connect()), timeoutSeconds: timeout)
            let name = String(file.split(separator: "/").last ?? "file")
            try transfer.send(source, name: name, progress: ProgressLine(name, total: source.byteCount))
        }
    }
}
