import Testing

@testable import SerialDaemon

@Suite("OptionValue: single values")
struct OptionValueTests {
    @Test(
        arguments: [("on", true), ("off", false), ("yes", nil), ("On", nil), ("1", nil), ("", nil)] as [(String, Bool?)]
    )
    func onlyOnAndOffAreBooleans(text: String, expected: Bool?) {
        #expect(OptionValue.onOff(text) == expected)
    }

    @Test(
        arguments: [
            ("0", 0), ("126", 126), ("007", 7), ("127", nil), ("", nil), ("+5", nil), ("-1", nil), (" 5", nil),
            ("0x5", nil), ("٥", nil),
            ("99999999999999999999", nil),
        ] as [(String, Int?)])
    func numbersAreDigitsInRange(text: String, expected: Int?) {
        #expect(OptionValue.number(text, in: 0...126) == expected)
    }

    @Test(
        arguments: [
            ("1", 1), ("512", 512), ("64K", 65_536), ("64M", 64 << 20), ("65M", nil), ("1G", nil), ("0", nil),
            ("0K", nil), ("K", nil),
            ("", nil), ("1k", nil), ("1KB", nil), ("1.5M", nil), ("-1K", nil), ("9223372036854775807G", nil),
        ] as [(String, Int?)])
    func byteCountsTakeABinarySuffix(text: String, expected: Int?) {
        #expect(OptionValue.byteCount(text, in: 1...64 << 20) == expected)
    }

    @Test(
        arguments: [
            ("0", 0), ("5", 5_000_000_000), ("0.5", 500_000_000), ("1.000000001", 1_000_000_001),
            ("10", 10_000_000_000),
            ("10.0", 10_000_000_000), ("10.1", nil), ("11", nil), ("1.0000000001", nil), (".5", nil), ("5.", nil),
            ("1.2.3", nil),
            ("-1", nil), ("1e3", nil), ("inf", nil), ("", nil), ("18446744073709551616", nil),
        ] as [(String, UInt64?)])
    func secondsAreDecimalAndExact(text: String, expected: UInt64?) {
        #expect(OptionValue.nanoseconds(text, maximumSeconds: 10) == expected)
    }
}
