import ControlProtocol
import LinuxIO

@testable import vserialctl

/// A guest agent that answers by the test's word, on one end of a socket pair.
final class ScriptedAgent {
    /// The other end.
    let stream: TimedStream
    private let thread: JoinableThread

    /// - Parameters:
    ///   - stale: what somebody else left behind, sent before all else.
    ///   - answer: the line for each command after the synchronization; nil for none.
    /// - Throws: the host's error.
    init(stale: [UInt8] = [], answer: @escaping @Sendable (ControlRequest) -> String?) throws {
        let pair = try UnixStream.pair()
        let peer = PortPeer(pair.second)
        stream = TimedStream(pair.first)
        thread = try spawn {
            try? peer.say(stale)
            while let line = try? peer.hearLine() {
                let bytes = Array(line.utf8)
                guard let brace = bytes.firstIndex(of: UInt8(ascii: "{")),
                    let request = try? ControlCoding.decode(ControlRequest.self, from: bytes[brace...])
                else { continue }
                if request.execute == "guest-sync-delimited", case .integer(let id)? = request.arguments?["id"] {
                    try? peer.say([0xFF] + Array("{\"return\": \(id)}\n".utf8))
                } else if let text = answer(request) {
                    try? peer.say(text + "\n")
                }
            }
        }
    }
}
