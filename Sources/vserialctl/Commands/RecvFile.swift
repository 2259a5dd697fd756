import ArgumentParser
import ClientProtocols

/// `vserialctl recv-file`: a file from the guest.
struct RecvFile: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Receive a file from the guest.",
        discussion: """
            Run vserial-file (share/guest) in the guest, before or after this: \
            vserial-file send /dev/virtio-ports/NAME FILE
            The file gets its name when it is whole and its checksum is right.

            Exit status: 0 when all is well; 1 when the guest sends something else than a \
            file; 65 when the file arrived changed, or the port ended; 75 when the guest did \
            nothing for as long as --timeout says; 128 + N after signal N.
            """)

    @OptionGroup var port: PortTarget

    @Argument(help: "Where to put it.")
    var file: String

    @Option(help: ArgumentHelp("How long the guest may do nothing.", valueName: "seconds"))
    var timeout = 30.0

    @Option(help: ArgumentHelp("Take no file of more bytes than this.", valueName: "bytes"))
    var maxSize: UInt64 = 16 << 30

    func validate() throws { try Deadline.validate(timeout) }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let found = try port.find()
            if let occupied = found.occupied { Command.printError(occupied) }
            // From here on a signal must not leave a part of the file behind.
            let signals = try EndingSignals()
            let target = try ReceivedFile(path: file)
            let stream = TimedStream(try found.connect(), endingSignals: signals)
            let transfer = FileTransfer(stream: stream, timeoutSeconds: timeout)
            try transfer.receive(into: target, atMost: maxSize) { ProgressLine($0.name, total: $0.byteCount) }
        }
    }
}
