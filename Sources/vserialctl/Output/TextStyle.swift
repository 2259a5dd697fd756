/// How a text is set off on a terminal; colours say nothing that the words do not say too.
enum TextStyle {
    case plain, bold, good, warning, bad

    /// Whether what is printed may be styled: on a terminal that can, and when the user has not asked for none
    /// (`NO_COLOR`, <https://no-color.org>).
    static var isWanted: Bool {
        isWanted(
            onTerminal: StandardOutput.isTerminal, noColor: Environment.value("NO_COLOR"),
            terminal: Environment.value("TERM"))
    }

    static func isWanted(onTerminal: Bool, noColor: String?, terminal: String?) -> Bool {
        onTerminal && (noColor ?? "").isEmpty && !["", "dumb"].contains(terminal ?? "")
    }

    /// The text between the sequences that turn the style on and off.
    func applied(to text: String) -> String {
        switch self {
        case .plain: text
        case .bold: "\u{1B}[1m\(text)\u{1B}[0m"
        case .good: "\u{1B}[32m\(text)\u{1B}[0m"
        case .warning: "\u{1B}[33m\(text)\u{1B}[0m"
        case .bad: "\u{1B}[1;31m\(text)\u{1B}[0m"
        }
    }
}
