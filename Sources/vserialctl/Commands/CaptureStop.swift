import ArgumentParser
import ControlProtocol

/// `vserialctl capture stop`: a capture ends.
struct CaptureStop: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a capture, and print what is in it.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "What capture start has printed.")
    var number: Int

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let totals = try control.connect().call(
                .captureStop, ["capture": .integer(Int64(number))], returning: CaptureTotals.self)
            try StandardOutput.write("packets \(totals.packets), bytes \(totals.bytes), lost \(totals.lost)\n")
        }
    }
}
