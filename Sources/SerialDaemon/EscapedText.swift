extension String {
    /// The text with control characters spelled as `\u{1B}`: an operator's or a guest's bytes must not move a
    /// terminal's cursor or forge a log line.
    var escaped: String {
        var result = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator:
                result.append(contentsOf: scalar.escaped(asASCII: true).unicodeScalars)
            default: result.append(scalar)
            }
        }
        return String(result)
    }
}
