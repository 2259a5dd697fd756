import ControlProtocol
import Testing

@testable import vserialctl

@Suite struct LocalTimeTests {
    @Test("fractions have all their digits")
    func fractions() {
        // Whatever the time zone: they differ by minutes.
        #expect(LocalTime.dateAndTime(.init(seconds: 60, microseconds: 4999)).hasSuffix(":00.004"))
        #expect(LocalTime.time(seconds: 61, microseconds: 42).hasSuffix(":01.000042"))
    }

    @Test("a clock that is wrong by ages is no reason to fail", arguments: [Int64.max, .min])
    func ages(seconds: Int64) {
        #expect(LocalTime.dateAndTime(.init(seconds: seconds, microseconds: 0)) == "@\(seconds).000")
    }
}
