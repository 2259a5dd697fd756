import Testing

@testable import vserialctl

@Suite struct ByteCountTests {
    @Test(arguments: [
        (0, "0"), (9999, "9999"), (10_000, "9.8K"), (1_048_524, "1023.9K"), (1_048_525, "1.0M"), (1_048_575, "1.0M"),
        (1 << 20, "1.0M"), (1 << 30, "1.0G"), (.max, "16.0E"),
    ])
    func text(count: UInt64, expected: String) {
        #expect(ByteCount.text(count) == expected)
    }
}
