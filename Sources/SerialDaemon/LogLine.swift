package import Logging

/// One log line without its end: the level for the journal's prefix, and the text, safe to print.
package struct LogLine: Equatable, Sendable {
    package var level: Logger.Level
    /// One line: control characters are spelled, and at most ``LogQueue/maximumLineByteCount`` bytes are kept.
    package private(set) var text: String

    package init(level: Logger.Level, text: String) {
        self.level = level
        let escaped = text.escaped
        if escaped.utf8.count <= LogQueue.maximumLineByteCount {
            self.text = escaped
        } else {
            // Cutting inside a character is repaired by the decoding; the dots show that something is missing.
            self.text = String(decoding: escaped.utf8.prefix(LogQueue.maximumLineByteCount - 6), as: UTF8.self) + "..."
        }
    }

    /// The bytes for stderr, with the newline.
    ///
    /// - Parameter isJournal: Whether stderr is systemd's journal, which reads the priority from `<N>` (sd-daemon(3))
    ///   and knows the program's name by itself.
    /// - Returns: UTF-8.
    package func bytes(isJournal: Bool) -> [UInt8] {
        isJournal
            ? Array("<\(level.syslogPriority)>\(text)\n".utf8) : Array("vhost-user-serial: \(level): \(text)\n".utf8)
    }
}

extension Logger.Level {
    /// The severity of syslog(3) that stands for this level.
    var syslogPriority: Int {
        switch self {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
