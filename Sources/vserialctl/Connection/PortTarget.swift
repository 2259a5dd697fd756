import ArgumentParser
import ClientProtocols
import ControlProtocol
import LinuxIO

/// Which port: the arguments of every command that carries a port's bytes.
struct PortTarget: ParsableArguments {
    @Argument(help: "The port's name.")
    var name: String

    @Option(
        help: ArgumentHelp(
            "The port's socket on the host. No daemon is asked then, and NAME only serves to tell it apart.",
            valueName: "socket"))
    var path: String?

    @OptionGroup var control: ControlOptions

    /// Finds the port's socket.
    ///
    /// - Throws: ``CommandFailure``; `usage` when the daemon has no port of this name, or one that nobody connects to.
    func find() throws(CommandFailure) -> FoundPort {
        if let path { return FoundPort(name: name, path: path, status: nil) }
        return try find(askedOf: try control.connect())
    }

    /// Finds the port's socket, and what the daemon knows of it; `--path` is the socket even so.
    func find(askedOf client: ControlClient) throws(CommandFailure) -> FoundPort {
        let ports = try client.call(.queryPorts, returning: [PortStatus].self)
        guard let status = ports.first(where: { $0.id == name }) else {
            let names = ports.map { PrintableText.escaping($0.id) }.joined(separator: ", ")
            throw .usage(
                "there is no port \(PrintableText.escaping(name)); "
                    + (names.isEmpty ? "the daemon has none" : "there are \(names)"))
        }
        // Somebody else may listen there: the program that the daemon itself is connected to.
        if path == nil, let refusal = PortText.refusal(status) { throw .usage(refusal) }
        return FoundPort(name: name, path: path ?? status.path, status: status)
    }
}

/// A port of which it is known where its socket is.
struct FoundPort {
    let name: String
    let path: String
    /// What the daemon says of it; nil when it was not asked.
    let status: PortStatus?

    /// Connects as the port's client. While another one has the port, the connection waits for him to leave.
    func connect() throws(CommandFailure) -> UnixStream {
        let address: UnixAddress
        do throws(UnixAddressError) {
            address = try UnixAddress(path)
        } catch {
            throw .usage("the port's socket: \(error)")
        }
        do throws(SystemError) {
            return try UnixStream.connect(to: address)
        } catch {
            throw .portUnreachable(path, error)
        }
    }

    /// Says who has the port; nil when nobody does, as far as is known.
    var occupied: String? {
        guard let status, !status.clients.isEmpty else { return nil }
        return "\(PrintableText.escaping(name)) is in use by \(PortText.clients(status)); waiting for it"
    }

    /// Refuses a port that no program in the guest has open: nobody would answer. `program` is who should have it open.
    func requireOpenInGuest(by program: String) throws(CommandFailure) {
        guard let status, !status.guestOpen else { return }
        let name = PrintableText.escaping(name)
        throw .notOpenInGuest(
            status.guestReady
                ? "no program in the guest has \(name) open; start \(program) there"
                : "the guest has not set \(name) up; is it running, with its virtio_console driver?")
    }
}
