import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("Virtqueue: kicks and calls")
struct VirtqueueNotificationTests {
    /// Uses the oldest `count` chains, which the driver offers first, and publishes them.
    private func use(_ count: Int, _ fixture: QueueFixture) throws {
        for _ in 0..<count {
            fixture.driver.add(readable: [[1]])
        }
        fixture.driver.nextBuffer = TestMemory.usualBase + 0x1000
        _ = try fixture.look()
        #expect(fixture.consume(count).chains == count)
        fixture.publish()
    }

    @Test func nothingUsedNeedsNoCall() throws {
        let fixture = try QueueFixture()
        #expect(try fixture.look() == [])
        fixture.publish()
        #expect(!fixture.shouldNotify(), "not even right after the start")
    }

    @Test func withoutEventIndexTheDriversFlagDecides() throws {
        let fixture = try QueueFixture(features: [])
        try use(1, fixture)
        #expect(fixture.shouldNotify())
        fixture.driver.wantsNoInterrupt = true
        try use(1, fixture)
        #expect(!fixture.shouldNotify())
        fixture.driver.wantsNoInterrupt = false
        #expect(!fixture.shouldNotify(), "what was published before is the driver's to look at")
    }

    /// The rule in the specification's words: the index passed the event on its way.
    private func passes(event: UInt16, from old: UInt16, to new: UInt16) -> Bool {
        var index = old
        while index != new {
            if index == event { return true }
            index &+= 1
        }
        return false
    }

    @Test func spec_2_7_7_2_aCallIsMadeWhenTheIndexPassesTheEventOverAllWraps() throws {
        // Size 2: all 65536 positions, and the wrap, are passed soon.
        let fixture = try QueueFixture(size: 2, startingAt: 65_000)
        try use(1, fixture)
        #expect(fixture.shouldNotify(), "the first time is always told")
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<70_000 {
            let old = fixture.publishedIndex
            let event = old &+ UInt16.random(in: 0...4, using: &generator) &- 2
            fixture.driver.usedEvent = event
            let count = Int.random(in: 0...2, using: &generator)
            if count > 0 { try use(count, fixture) }
            #expect(
                fixture.shouldNotify() == passes(event: event, from: old, to: old &+ UInt16(count)),
                "event \(event), from \(old), by \(count)")
        }
    }

    @Test(arguments: [VirtioFeatures.eventIndex, []]) func enablingLooksAgain(features: VirtioFeatures) throws {
        let fixture = try QueueFixture(features: features)
        let hasEvents = features.contains(.eventIndex)
        fixture.disableKicks()
        fixture.driver.add(readable: [[1]])
        #expect(hasEvents || fixture.driver.deviceWantsNoKick)
        _ = fixture.driver.needsKick(eventIndex: hasEvents)
        // A chain came, perhaps without a kick, before the driver could see that kicks are wanted.
        #expect(fixture.enableKicks())
        _ = try fixture.look()
        _ = fixture.consume(1)
        #expect(!fixture.enableKicks())
        #expect(!fixture.driver.deviceWantsNoKick)
        fixture.driver.add(readable: [[1]])
        #expect(fixture.driver.needsKick(eventIndex: hasEvents), "from here on the driver kicks")
    }

    @Test func whileDisabledADriverWithEventIndexKicksNoMore() throws {
        let fixture = try QueueFixture()
        #expect(!fixture.enableKicks())
        fixture.driver.add(readable: [[1]])
        #expect(fixture.driver.needsKick(eventIndex: true))
        fixture.disableKicks()
        for _ in 0..<5 {
            fixture.driver.add(readable: [[1]])
            #expect(!fixture.driver.needsKick(eventIndex: true))
        }
    }

    @Test(arguments: 1...8 as ClosedRange<UInt16>, [0, 65_530] as [UInt16])
    func kickForManyComesWithTheLastOfThem(count: UInt16, start: UInt16) throws {
        let fixture = try QueueFixture(startingAt: start)
        #expect(!fixture.enableKicks(after: count))
        for _ in 1..<count {
            fixture.driver.add(readable: [[1]])
            #expect(!fixture.driver.needsKick(eventIndex: true))
            #expect(!fixture.enableKicks(after: count))
        }
        fixture.driver.add(readable: [[1]])
        #expect(fixture.driver.needsKick(eventIndex: true))
        #expect(fixture.enableKicks(after: count), "all are there: nobody may wait for a kick")
    }

    @Test func withoutEventIndexEveryChainIsKickedFor() throws {
        let fixture = try QueueFixture(features: [])
        #expect(!fixture.enableKicks(after: 4))
        fixture.driver.add(readable: [[1]])
        #expect(fixture.driver.needsKick(eventIndex: false))
        #expect(fixture.enableKicks(after: 4))
    }

    @Test func callMayWaitUntilHalfTheRingIsUsed() throws {
        let fixture = try QueueFixture(size: 8)
        try use(3, fixture)
        #expect(!fixture.shouldNotify(mayWait: true))
        #expect(fixture.owesCall)
        try use(1, fixture)
        #expect(fixture.shouldNotify(mayWait: true))
        #expect(!fixture.owesCall)
        // The driver waits for the first of the next two.
        fixture.driver.usedEvent = fixture.publishedIndex
        try use(1, fixture)
        #expect(!fixture.shouldNotify(mayWait: true))
        try use(1, fixture)
        #expect(fixture.shouldNotify(mayWait: false), "what was left for later counts")
    }

    @Test func largestNumberOfAvailableChainsIsRemembered() throws {
        let fixture = try QueueFixture()
        #expect(fixture.largestAvailableCount == 0)
        for _ in 0..<5 { fixture.driver.add(readable: [[1]]) }
        _ = try fixture.look()
        _ = fixture.consume(5)
        fixture.publish()
        fixture.driver.add(readable: [[1]])
        _ = try fixture.look()
        #expect(fixture.largestAvailableCount == 5)
    }
}
