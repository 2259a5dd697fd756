/// Strict readers for single option values: `nil` for everything that is not exactly of the form, and never a guess or
/// an overflow.
enum OptionValue {
    /// `on` or `off`, as QEMU's options have them.
    static func onOff(_ text: String) -> Bool? {
        switch text {
        case "on": true
        case "off": false
        default: nil
        }
    }

    /// A decimal number: digits only, so no sign, blank or hexadecimal.
    static func number<Number: FixedWidthInteger>(_ text: some StringProtocol, in range: ClosedRange<Number>) -> Number?
    {
        // The initializer alone would take "+5".
        guard text.utf8.allSatisfy(isDigit), let number = Number(text), range.contains(number) else { return nil }
        return number
    }

    /// A number of bytes with an optional binary suffix: `512`, `64K`, `1M`, `1G`.
    static func byteCount(_ text: String, in range: ClosedRange<Int>) -> Int? {
        let suffixes: [Character: Int] = ["K": 1 << 10, "M": 1 << 20, "G": 1 << 30]
        let unit = text.last.flatMap { suffixes[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard let count = number(digits, in: 0...Int.max) else { return nil }
        let product = count.multipliedReportingOverflow(by: unit ?? 1)
        guard !product.overflow, range.contains(product.partialValue) else { return nil }
        return product.partialValue
    }

    /// A number of bytes per second; 0 for `off`.
    static func byteRate(_ text: String, in range: ClosedRange<Int>) -> Int? {
        ["off", "0"].contains(text) ? .some(0) : byteCount(text, in: range)
    }

    /// Decimal seconds, `5` or `0.5`, exact to the nanosecond: no binary fraction in between.
    ///
    /// - Parameters:
    ///   - text: digits, with at most nine more behind one point.
    ///   - maximumSeconds: at most 10^10, so that the nanoseconds fit.
    /// - Returns: nanoseconds, or `nil` for what is not of this form or too long.
    static func nanoseconds(_ text: String, maximumSeconds: UInt64) -> UInt64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let seconds = parts.first.flatMap({ number($0, in: 0...maximumSeconds) }) else { return nil }
        guard parts.count == 2 else { return seconds * 1_000_000_000 }
        let digits = parts[1]
        guard digits.utf8.count <= 9, let fraction = number(digits, in: 0...UInt64(999_999_999)) else { return nil }
        let scale = (digits.utf8.count..<9).reduce(UInt64(1)) { scale, _ in scale * 10 }
        let nanoseconds = seconds * 1_000_000_000 + fraction * scale
        return nanoseconds <= maximumSeconds * 1_000_000_000 ? nanoseconds : nil
    }

    /// Permission bits of a file, octal as with chmod(1): `660` or `0660`.
    static func permissions(_ text: String) -> UInt16? {
        guard (3...4).contains(text.utf8.count) else { return nil }
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "7")).contains($0) }) else { return nil }
        return UInt16(text, radix: 8).flatMap { $0 <= 0o777 ? $0 : nil }
    }

    /// A path that ends in a name, as open(2) understands it.
    static func filePath(_ text: String) -> String? {
        ["", ".", ".."].contains(OperatorSettings.fileName(of: text)) || text.utf8.contains(0) ? nil : text
    }

    /// Values with `:` between them, each read by `read`; at least one.
    static func list<Value>(_ text: String, _ read: (String) -> Value?) -> [Value]? {
        var values: [Value] = []
        for part in text.split(separator: ":", omittingEmptySubsequences: false) {
            guard let value = read(String(part)) else { return nil }
            values.append(value)
        }
        return values
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
