import Testing

@testable import SerialDaemon

@Suite("StallMeter")
struct StallMeterTests {
    @Test func aWaitIsCountedWithItsLength() {
        var meter = StallMeter()
        meter.note(isStalled: true, hasMoved: true, now: 100)
        #expect(meter.isStalled)
        #expect(meter.count == 1)
        #expect(meter.nanoseconds(now: 130) == 30)
        meter.note(isStalled: false, hasMoved: true, now: 150)
        #expect(!meter.isStalled)
        #expect(meter.nanoseconds(now: 1000) == 50)
    }

    @Test func progressEndsOneWaitAndBeginsAnother() {
        var meter = StallMeter()
        meter.note(isStalled: true, hasMoved: false, now: 100)
        meter.isReported = true
        meter.note(isStalled: true, hasMoved: false, now: 200)
        #expect(meter.since == 100)
        #expect(meter.isReported)
        meter.note(isStalled: true, hasMoved: true, now: 300)
        #expect(meter.since == 300)
        #expect(!meter.isReported)
        #expect(meter.count == 2)
        #expect(meter.nanoseconds(now: 400) == 300)
    }

    @Test func theClockIsReadOnlyForAChange() {
        var reads = 0
        func clock() -> UInt64 {
            reads += 1
            return 1
        }
        var meter = StallMeter()
        meter.note(isStalled: false, hasMoved: true, now: clock())
        #expect(reads == 0)
        meter.note(isStalled: true, hasMoved: false, now: clock())
        meter.note(isStalled: true, hasMoved: false, now: clock())
        #expect(reads == 1)
    }
}
