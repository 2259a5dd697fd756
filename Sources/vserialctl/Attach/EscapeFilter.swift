/// Ends the relay at the escape key; what was typed before it still goes to the port.
final class EscapeFilter: RelayFilter {
    private let key: EscapeKey

    init(_ key: EscapeKey) {
        self.key = key
    }

    func pass(_ piece: inout [UInt8]) -> RelayVerdict {
        guard let byte = key.byte, let index = piece.firstIndex(of: byte) else { return .goOn }
        piece.removeSubrange(index...)
        return .stopNow
    }
}
