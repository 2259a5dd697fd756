import ClientProtocols
import ControlProtocol

/// An event as a person reads it.
enum EventText {
    /// The column that the data begin in: no event's name is longer, and those that come most are shorter.
    private static let nameWidth = 20

    /// One line: when, what, and then the port's name before all else.
    static func line(_ event: ControlEvent, isStyled: Bool) -> String {
        let name = PrintableText.escaping(event.event)
        let others = event.data.keys.filter { $0 != "id" }.sorted()
        let data = ((event.data["id"] == nil ? [] : ["id"]) + others)
            .map { "\(PrintableText.escaping($0))=\(text(event.data[$0] ?? .null))" }.joined(separator: " ")
        let padding = data.isEmpty ? "" : String(repeating: " ", count: max(1, nameWidth + 2 - name.count))
        let styled = isStyled ? style(of: event).applied(to: name) : name
        return "\(LocalTime.dateAndTime(event.timestamp))  \(styled)\(padding)\(data)"
    }

    private static func style(of event: ControlEvent) -> TextStyle {
        switch event.name {
        case .ringFault: .bad
        case .clientRefused, .portThrottled, .portNotOpened, .eventsLost: .warning
        case .portChange, .clientConnected, .clientDisconnected, .frontendConnected, .frontendDisconnected, .guestReady,
            .guestReset, .portAdded, .portRemoved, .captureData, .captureStopped, .shutdown, nil:
            .bold
        }
    }

    /// Strings without quotation marks when they are words.
    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .null: return "null"
        case .bool(let value): return String(value)
        case .integer(let value): return String(value)
        case .number(let value): return String(value)
        case .string(let value):
            let escaped = PrintableText.escaping(value)
            return escaped.isEmpty || escaped.contains(" ") ? "\"\(escaped)\"" : escaped
        case .array(let values): return "[" + values.map(text).joined(separator: ",") + "]"
        case .object(let members):
            return "{" + members.sorted { $0.key < $1.key }.map { "\($0.key)=\(text($0.value))" }.joined(separator: ",")
                + "}"
        }
    }
}
