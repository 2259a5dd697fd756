import ControlProtocol
import Glibc

/// The time of day as the user's clock shows it.
enum LocalTime {
    /// For instance `2026-11-21 10:00:00.123`.
    static func dateAndTime(_ timestamp: ControlEvent.Timestamp) -> String {
        format("%F %T", seconds: timestamp.seconds) + fraction(timestamp.microseconds / 1000, digits: 3)
    }

    /// For instance `10:00:00.123456`.
    static func time(seconds: Int64, microseconds: Int64) -> String {
        format("%T", seconds: seconds) + fraction(microseconds, digits: 6)
    }

    /// The time now, to the second.
    static func now() -> String { format("%T", seconds: Int64(Glibc.time(nil))) }

    private static func format(_ form: String, seconds: Int64) -> String {
        var seconds = time_t(seconds)
        var parts = unsafe tm()
        // A year that does not fit in an int.
        guard unsafe localtime_r(&seconds, &parts) != nil else { return "@\(seconds)" }
        var text = [CChar](repeating: 0, count: 64)
        // SAFETY: strftime(3) writes at most as many bytes as it is told, and says how many.
        let count = unsafe strftime(&text, text.count, form, &parts)
        return String(decoding: text[..<count].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private static func fraction(_ value: Int64, digits: Int) -> String {
        let text = String(max(0, value))
        return "." + String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
