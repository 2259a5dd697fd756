import ArgumentParser
import ClientProtocols
import ControlProtocol

/// `vserialctl add`: a new port for the running guest.
struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Add a port; the guest sees it at once.",
        discussion: """
            The keys are those of the daemon's --port, such as clients-absent=buffer; \
            vhost-user-serial --help explains them. Prints the path of the port's socket.
            """)

    @OptionGroup var control: ControlOptions

    @Argument(help: "The port's name, /dev/virtio-ports/NAME in the guest.")
    var name: String

    @Argument(help: ArgumentHelp("Keys of the port.", valueName: "key=value"))
    var keys: [String] = []

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let arguments = try KeyValues.arguments(id: name, keys)
            let port = try control.connect().call(.portAdd, arguments, returning: AddedPort.self)
            try StandardOutput.write(PrintableText.escaping(port.path) + "\n")
        }
    }
}
