import ArgumentParser
import ControlProtocol

/// `vserialctl log-level`: how much the daemon says.
struct LogLevel: ParsableCommand {
    private static let levels = ["trace", "debug", "info", "notice", "warning", "error", "critical"]

    static let configuration = CommandConfiguration(
        abstract: "Set how much the daemon writes to its log, from now on.")

    @OptionGroup var control: ControlOptions

    @Argument(
        help: "trace, debug, info, notice, warning, error or critical.", completion: .list(Self.levels))
    var level: String

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            _ = try control.connect().call(.logLevel, ["level": .string(level)], returning: ControlNothing.self)
        }
    }
}
