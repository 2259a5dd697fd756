import ClientProtocols
import ControlProtocol

/// A port's state in a few words, for the tables.
enum PortText {
    static func guest(_ port: PortStatus) -> TextTable.Cell {
        if port.guestOpen { return TextTable.Cell("open", .good) }
        return TextTable.Cell(port.guestReady ? "ready" : "-")
    }

    /// User and process number of each client, or what the port is bound to where there is nobody to ask; `-` for nobody.
    static func clients(_ port: PortStatus) -> String {
        guard !port.clients.isEmpty else { return "-" }
        return port.clients.map { client in
            guard let user = client.uid, let process = client.pid else { return PrintableText.escaping(port.kind) }
            return "uid \(user) pid \(process)"
        }.joined(separator: ", ")
    }

    /// Why no program on the host can connect to the port and be its client; nil when one can.
    static func refusal(_ port: PortStatus) -> String? {
        let name = PrintableText.escaping(port.id)
        let path = PrintableText.escaping(port.path)
        guard port.kind == "socket" else {
            return "\(name) is bound to \(PrintableText.escaping(port.kind)) (\(path)) and has no socket"
        }
        switch port.server {
        case nil: return "\(name) is a socket that the daemon was started with; say where it is with --path"
        case false?: return "\(name) is connected to \(path) by the daemon; nobody can be its client"
        case true?:
            let type = port.type ?? ""
            return type == "stream"
                ? nil : "\(name) carries records (type=\(PrintableText.escaping(type))); this is only for bytes"
        }
    }

    /// Bytes that nobody got, of both directions.
    static func discarded(_ port: PortStatus) -> TextTable.Cell {
        let count = port.toHost.discardedByteCount &+ port.toGuest.discardedByteCount
        return count == 0 ? "-" : TextTable.Cell(ByteCount.text(count), .warning)
    }

    /// Which way bytes wait now.
    static func stalled(_ port: PortStatus) -> TextTable.Cell {
        switch (port.toHost.stalled, port.toGuest.stalled) {
        case (false, false): "-"
        case (true, false): TextTable.Cell("to host", .warning)
        case (false, true): TextTable.Cell("to guest", .warning)
        case (true, true): TextTable.Cell("both ways", .warning)
        }
    }

    /// A line for each ring that stands still because somebody broke it.
    static func faults(_ port: PortStatus, isStyled: Bool) -> [String] {
        [("to host", port.toHost), ("to guest", port.toGuest)].compactMap { direction, status in
            guard let reason = status.ring?.broken else { return nil }
            let text =
                "\(PrintableText.escaping(port.id)) \(direction): the ring stands still: \(PrintableText.escaping(reason))"
            return isStyled ? TextStyle.bad.applied(to: text) : text
        }
    }
}

extension DirectionStatus {
    /// Bytes that nobody got, whatever the cause.
    var discardedByteCount: UInt64 { discarded.values.reduce(0, &+) }
}
