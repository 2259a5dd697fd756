import ArgumentParser
import ControlProtocol

/// `vserialctl set`: another behaviour of a port.
struct SetPort: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change a port while it is used.",
        discussion: """
            The keys are cols with rows (the guest is told the size at once), \
            clients-absent, buffer-size, guest-close, linger and rate, as of the daemon's --port.
            """)

    @OptionGroup var control: ControlOptions

    @Argument(help: "The port's name.", completion: PortNames.completion)
    var name: String

    @Argument(help: ArgumentHelp("What is to change.", valueName: "key=value"))
    var keys: [String]

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let arguments = try KeyValues.arguments(id: name, keys)
            _ = try control.connect().call(.portSet, arguments, returning: ControlNothing.self)
        }
    }
}
