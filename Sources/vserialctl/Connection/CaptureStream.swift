import ClientProtocols
import ControlProtocol
import FoundationEssentials

/// A capture that the daemon sends over this connection, as pieces of a pcapng file. It ends with the connection.
struct CaptureStream {
    private let client: ControlClient
    private let number: Int

    /// Starts the capture.
    ///
    /// - Parameters:
    ///   - client: the connection, which is this capture's from here on.
    ///   - ports: their names; none for all there are.
    ///   - snapshotLength: how many bytes of a packet are wanted; nil for the daemon's default.
    ///   - withFrontend: whether the vhost-user messages are wanted too.
    /// - Throws: ``CommandFailure/refused(_:)`` and those of the connection.
    init(
        _ client: ControlClient, ports: [String], snapshotLength: Int? = nil, withFrontend: Bool = false
    ) throws(CommandFailure) {
        var arguments: [String: JSONValue] = ["stream": true]
        if !ports.isEmpty { arguments["ports"] = .array(ports.map { .string($0) }) }
        if let snapshotLength { arguments["snaplen"] = .integer(Int64(snapshotLength)) }
        if withFrontend { arguments["frontend"] = true }
        number = try client.call(.captureStart, arguments, returning: StartedCapture.self).capture
        self.client = client
    }

    /// The next piece; nil when the daemon ends as it said.
    ///
    /// - Throws: ``CommandFailure/captureStopped(_:)`` when somebody has stopped it.
    func next() throws(CommandFailure) -> [UInt8]? {
        while let event = try client.nextEvent(timeoutMilliseconds: nil) {
            if event.name == .shutdown { return nil }
            guard event.data["capture"] == .integer(Int64(number)) else { continue }
            switch event.name {
            case .captureData:
                guard case .string(let text) = event.data["data"], let data = Data(base64Encoded: text) else {
                    throw .notUnderstood("capture data that is not base64")
                }
                return Array(data)
            case .captureStopped: throw .captureStopped(Self.reason(event.data))
            default: continue
            }
        }
        return nil
    }

    /// Ends it.
    func stop() throws(CommandFailure) -> CaptureTotals {
        try client.call(.captureStop, ["capture": .integer(Int64(number))], returning: CaptureTotals.self)
    }

    private static func reason(_ data: [String: JSONValue]) -> String {
        var text = "stopped by the daemon"
        if case .string(let reason) = data["reason"] { text = PrintableText.escaping(reason) }
        if case .integer(let lost) = data["lost"], lost > 0 { text += "; \(lost) packets were lost" }
        return text
    }
}
