import ArgumentParser
import ControlProtocol

/// `vserialctl disconnect`: a client is shown out.
struct Disconnect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Close the connection of a port's client; the next one may come in.")

    @OptionGroup var control: ControlOptions

    @Argument(help: "The port's name.", completion: PortNames.completion)
    var name: String

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            _ = try control.connect().call(.clientDisconnect, ["id": .string(name)], returning: ControlNothing.self)
        }
    }
}
