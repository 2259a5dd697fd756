import Testing

@testable import vserialctl

@Suite("ProgressLine")
struct ProgressLineTests {
    @Test(
        arguments: [
            (0, 100, 0.0, "f  [--------------------]    0%  0 of 100  0/s"),
            (5_242_880, 10_485_760, 2, "f  [##########----------]   50%  5.0M of 10.0M  2.5M/s  0:02 left"),
            (100, 100, 1, "f  [####################]  100%  100 of 100  100/s"),
            (1, 8000, 1, "f  [--------------------]    0%  1 of 8000  1/s  2:13:19 left"),
            (0, 0, 1, "f  [####################]  100%  0 of 0  0/s"),
        ] as [(UInt64, UInt64, Double, String)])
    func tellsShareRateAndTimeLeft(done: UInt64, total: UInt64, seconds: Double, text: String) {
        #expect(ProgressLine.text("f", done: done, total: total, seconds: seconds) == text)
    }

    @Test func withoutASizeThereIsNoBar() {
        #expect(ProgressLine.text("f", done: 20_480, total: nil, seconds: 2) == "f  20.0K  10.0K/s")
    }
}
