import ArgumentParser
import ClientProtocols
import ControlProtocol

/// `vserialctl list`: the ports and who is at both ends.
struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the ports, and who is at both ends.",
        discussion: """
            GUEST is open while a program in the guest has the port open, ready once its \
            driver has set it up. CLIENT is the user and process number of whoever is \
            connected on the host. DISCARDED counts bytes that nobody got, both ways; \
            STALLED says which way bytes wait for their reader now.
            """)

    @OptionGroup var control: ControlOptions

    @Flag(help: "Print what query-ports answers, as JSON.")
    var json = false

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let client = try control.connect()
            guard !json else {
                // As it came: a newer daemon may say more than this program knows.
                return try StandardOutput.write(
                    JSONText.line(try client.call(.queryPorts, returning: JSONValue.self)))
            }
            let ports = try client.call(.queryPorts, returning: [PortStatus].self)
            let lines = Self.lines(ports, isStyled: TextStyle.isWanted)
            try StandardOutput.write(lines.map { $0 + "\n" }.joined())
        }
    }

    /// What is printed.
    static func lines(_ ports: [PortStatus], isStyled: Bool) -> [String] {
        guard !ports.isEmpty else { return ["no ports; vserialctl add NAME makes one"] }
        var table = TextTable([
            ("NAME", .left), ("NR", .right), ("GUEST", .left), ("CLIENT", .left), ("TO HOST", .right),
            ("TO GUEST", .right), ("DISCARDED", .right), ("STALLED", .left),
        ])
        for port in ports {
            table.append([
                TextTable.Cell(PrintableText.escaping(port.id)), TextTable.Cell(String(port.number)),
                PortText.guest(port), TextTable.Cell(PortText.clients(port)),
                TextTable.Cell(ByteCount.text(port.toHost.delivered)),
                TextTable.Cell(ByteCount.text(port.toGuest.delivered)), PortText.discarded(port),
                PortText.stalled(port),
            ])
        }
        return table.lines(isStyled: isStyled) + ports.flatMap { PortText.faults($0, isStyled: isStyled) }
    }
}
