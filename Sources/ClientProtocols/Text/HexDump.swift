/// Bytes as hexdump(1) -C shows them.
package enum HexDump {
    private static let bytesPerLine = 16

    /// The lines, without an indentation: offset, 16 bytes, and what of them is ASCII.
    package static func lines(_ bytes: [UInt8]) -> [String] {
        stride(from: 0, to: bytes.count, by: bytesPerLine).map { start in
            let row = bytes[start..<min(start + bytesPerLine, bytes.count)]
            var text = pad(String(start, radix: 16), to: 8, with: "0") + " "
            for column in 0..<bytesPerLine {
                if column == bytesPerLine / 2 { text += " " }
                text += " " + (column < row.count ? digits(row[start + column]) : "  ")
            }
            let characters = row.map { 0x20..<0x7F ~= $0 ? Character(Unicode.Scalar($0)) : "." }
            return text + "  |" + String(characters) + "|"
        }
    }

    /// A byte as two digits.
    package static func digits(_ byte: UInt8) -> String { pad(String(byte, radix: 16), to: 2, with: "0") }

    private static func pad(_ text: String, to width: Int, with filler: Character) -> String {
        String(repeating: filler, count: max(0, width - text.count)) + text
    }
}
