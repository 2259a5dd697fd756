import Glibc
import Testing

@testable import vserialctl

@Suite("TimestampFilter")
struct TimestampFilterTests {
    @Test func standsBeforeEachLineOnce() throws {
        let result = try pass(["a", "b\r\nc", "\n", "d"], TimestampFilter { "T" })
        #expect(result.text == "T ab\r\nT c\nT d")
    }

    @Test func isISO8601WithTheZone() throws {
        let text = TimestampFilter.text(timespec(tv_sec: 1_795_255_200, tv_nsec: 42_000_000))
        let form = try Regex(#"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.042[+-]\d\d:\d\d"#)
        #expect(text.wholeMatch(of: form) != nil)
    }
}
