import ArgumentParser
import ClientProtocols
import ControlProtocol

/// `vserialctl watch`: what ports carry, without taking part.
struct Watch: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what ports carry, both ways, without taking part.",
        discussion: """
            One line for each piece that was carried: when, which port and which way, \
            and the bytes. \\n, \\x1b and the like stand for what is no text. It is only \
            for the daemon's user and root: ports carry passwords. The guest and the \
            clients notice nothing; what comes faster than it is shown is lost, and counted \
            when Ctrl-C ends it.
            """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Show bytes as hexdump -C does.")
    var hex = false

    @Argument(help: "The ports' names.", completion: PortNames.completion)
    var names: [String]

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let client = try control.connect()
            let stream = try CaptureStream(client, ports: names)
            // From here on a signal is no end yet: only the daemon knows what was lost.
            let signals = try EndingSignals()
            client.endingSignals = signals
            do throws(CommandFailure) {
                try show(stream, on: InterruptibleOutput(signals))
            } catch .interrupted(let signal) {
                // A daemon that cannot say it keeps nobody from leaving, nor does a second signal.
                if let lost = try? stream.stop().lost, lost > 0 { Command.printError("\(lost) packets were lost") }
                throw .interrupted(signal: signal)
            } catch {
                throw error
            }
        }
    }

    private func show(_ stream: CaptureStream, on output: InterruptibleOutput) throws(CommandFailure) {
        var reader = PcapngReader()
        while let piece = try stream.next() {
            reader.append(piece)
            while let packet = try CommandFailure.capture({ () throws(PcapngError) in try reader.next() }) {
                let lines = try CommandFailure.capture { () throws(PcapngError) in
                    try PacketText.lines(packet, isHexadecimal: hex)
                }
                try output.write(lines.map { $0 + "\n" }.joined())
            }
        }
    }
}
