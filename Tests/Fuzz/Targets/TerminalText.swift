/// What is written to somebody's terminal.
enum TerminalText {
    /// Fails for text that moves a cursor, turns the writing around or begins a line.
    static func check(_ text: String) throws(OracleFailure) {
        let harmful = text.unicodeScalars.first { scalar in
            switch scalar.value {
            case 0..<0x20, 0x7F..<0xA0, 0x2028...0x2029, 0xFEFF: true
            // What says which way writing goes.
            case 0x061C, 0x200E...0x200F, 0x202A...0x202E, 0x2066...0x2069: true
            default: false
            }
        }
        try expect(harmful == nil, "U+\(String(harmful?.value ?? 0, radix: 16)) is shown as it is")
    }
}
