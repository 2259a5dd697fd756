import ClientProtocols
import ControlProtocol

/// Whether a program in the guest has a port open, as the daemon's events tell.
final class GuestPresence {
    private let name: String
    private let client: ControlClient
    private(set) var isOpen: Bool
    /// How often it was closed: a port can be closed and open again by the time somebody looks.
    private(set) var closings = 0

    init(name: String, client: ControlClient, isOpen: Bool) {
        self.name = name
        self.client = client
        self.isOpen = isOpen
    }

    /// For poll(2); borrowed.
    var descriptor: Int32 { client.descriptor }

    /// Takes note of the events that have come. Never waits for one.
    ///
    /// - Throws: `disconnected` when the daemon has gone, `incomplete` when the port has.
    func update() throws(CommandFailure) {
        while let event = try client.nextEvent(timeoutMilliseconds: 0) {
            let isOurs = event.data["id"] == .string(name)
            switch event.name {
            case .portChange where isOurs: note(event.data["open"] == .bool(true))
            // All programs of the guest have gone.
            case .guestReset: note(false)
            case .portRemoved where isOurs: throw .incomplete("\(PrintableText.escaping(name)) was removed")
            // One of them may have been ours.
            case .eventsLost: try askAgain()
            default: break
            }
        }
    }

    private func note(_ open: Bool) {
        if isOpen, !open { closings += 1 }
        isOpen = open
    }

    private func askAgain() throws(CommandFailure) {
        let ports = try client.call(.queryPorts, returning: [PortStatus].self)
        guard let port = ports.first(where: { $0.id == name }) else {
            throw .incomplete("\(PrintableText.escaping(name)) was removed")
        }
        // Open before and after says nothing of the time between; the safe reading is that somebody else has it now.
        note(false)
        note(port.guestOpen)
    }
}
