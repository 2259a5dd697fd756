/// Text that is safe to show: what could move a terminal's cursor, turn its writing around or forge a line is spelled
/// out.
package enum PrintableText {
    /// Bytes that somebody sent: UTF-8 as it reads, the rest as `\xNN`. A backslash is doubled, so that no two inputs
    /// look alike.
    package static func escaping(_ bytes: [UInt8]) -> String {
        var result = String.UnicodeScalarView()
        var parser = Unicode.UTF8.ForwardParser()
        var input = bytes.makeIterator()
        var index = 0
        while true {
            switch parser.parseScalar(from: &input) {
            case .valid(let encoded):
                append(Unicode.UTF8.decode(encoded), to: &result)
                index += encoded.count
            case .error(let length):
                for byte in bytes[index..<index + length] { result += hexadecimal(byte).unicodeScalars }
                index += length
            case .emptyInput: return String(result)
            }
        }
    }

    /// A name or a reason that came from elsewhere.
    package static func escaping(_ text: String) -> String { escaping(Array(text.utf8)) }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String.UnicodeScalarView) {
        switch scalar {
        case "\n": result += #"\n"#.unicodeScalars
        case "\r": result += #"\r"#.unicodeScalars
        case "\t": result += #"\t"#.unicodeScalars
        case "\\": result += #"\\"#.unicodeScalars
        default:
            switch scalar.properties.generalCategory {
            case .control where scalar.isASCII: result += hexadecimal(UInt8(scalar.value)).unicodeScalars
            // Format characters: among them those that reverse the direction of what follows.
            case .control, .format, .lineSeparator, .paragraphSeparator:
                result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}".unicodeScalars
            default: result.append(scalar)
            }
        }
    }

    private static func hexadecimal(_ byte: UInt8) -> String { #"\x"# + HexDump.digits(byte) }
}
