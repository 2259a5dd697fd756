import Glibc

/// Puts the time before each line: the one at which its first byte came.
final class TimestampFilter: RelayFilter {
    private let now: () -> String
    private var isAtLineStart = true

    /// - Parameter now: the text to put before a line that begins now.
    init(now: @escaping () -> String = TimestampFilter.localTime) {
        self.now = now
    }

    func pass(_ piece: inout [UInt8]) -> RelayVerdict {
        let stamp = Array((now() + " ").utf8)
        var result: [UInt8] = []
        result.reserveCapacity(piece.count + stamp.count)
        for byte in piece {
            if isAtLineStart { result += stamp }
            result.append(byte)
            isAtLineStart = byte == UInt8(ascii: "\n")
        }
        piece = result
        return .goOn
    }

    /// ISO 8601 with milliseconds and the distance from UTC: `2026-11-21T10:00:00.123+01:00`.
    static func localTime() -> String {
        var time = timespec()
        // SAFETY: the pointer is good during the call, and the clock exists everywhere.
        _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
        return text(time)
    }

    static func text(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = unsafe tm()
        guard unsafe localtime_r(&seconds, &parts) != nil else { return "@\(seconds)" }
        let milliseconds = String(1000 + time.tv_nsec / 1_000_000).dropFirst()
        let zone = unsafe format("%z", parts)
        return unsafe format("%FT%T", parts) + ".\(milliseconds)\(zone.prefix(3)):\(zone.suffix(2))"
    }

    private static func format(_ form: String, _ parts: tm) -> String {
        var parts = unsafe parts
        var text = [CChar](repeating: 0, count: 64)
        // SAFETY: strftime(3) writes at most as many bytes as it is told, and says how many.
        let count = unsafe strftime(&text, text.count, form, &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
