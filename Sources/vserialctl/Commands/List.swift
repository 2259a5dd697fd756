import ArgumentParser
import ControlProtocol

/// `vserialctl list`: the ports and who is at both ends.
struct List: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the ports, and who is at both ends.")

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print what query-ports answers, as JSON.")
    var json = false

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let ports = try control.connect().call(.queryPorts, returning: [PortStatus].self)
            for port in ports { print(port.id) }
        }
    }
}
