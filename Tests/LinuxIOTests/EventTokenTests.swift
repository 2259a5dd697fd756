import LinuxIO
import Testing

@Suite("EventToken")
struct EventTokenTests {
    @Test(
        arguments: [
            (EventToken(kind: 0, index: 0, generation: 0), 0),
            (EventToken(kind: 1, index: 2, generation: 3), 0x0001_0002_0000_0003),
            (EventToken(kind: .max, index: 0, generation: 0), 0x00FF_0000_0000_0000),
            (EventToken(kind: 0, index: .max, generation: 0), 0x0000_FFFF_0000_0000),
            (EventToken(kind: 0, index: 0, generation: .max), 0x0000_0000_FFFF_FFFF),
        ] as [(EventToken, UInt64)])
    func packsAndUnpacks(token: EventToken, rawValue: UInt64) {
        #expect(token.rawValue == rawValue)
        #expect(EventToken(rawValue: rawValue) == token)
    }

    @Test func bitsThatMeanNothingAreNotLookedAt() {
        #expect(EventToken(rawValue: 0xFF01_0002_0000_0003) == EventToken(kind: 1, index: 2, generation: 3))
    }
}
