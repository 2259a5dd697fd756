import ArgumentParser
import ControlProtocol

/// `vserialctl remove`: a port goes.
struct Remove: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Remove a port: its client is disconnected, and the guest sees it go.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The port's name.", completion: PortNames.completion)
    var name: String

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            _ = try control.connect().call(.portRemove, ["id": .string(name)], returning: ControlNothing.self)
        }
    }
}
