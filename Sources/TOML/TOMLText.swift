/// Writes TOML.
package enum TOMLText {
    /// A basic string, which reads back as `text`. All control characters are escaped, those above ASCII too: a terminal
    /// obeys them.
    package static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\":
                result.unicodeScalars.append("\\")
                result.unicodeScalars.append(scalar)
            default:
                switch scalar.properties.generalCategory {
                case .control, .lineSeparator, .paragraphSeparator:
                    let digits = String(scalar.value, radix: 16, uppercase: true)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                default: result.unicodeScalars.append(scalar)
                }
            }
        }
        // A scalar, which joins no character that was the last.
        result.unicodeScalars.append("\"")
        return result
    }
}
