import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("PackedQueue: kicks and calls")
struct PackedQueueNotificationTests {
    typealias Place = PackedMockDriver.Place

    private func places(_ size: Int) -> [Place] {
        [true, false].flatMap { wrap in (0..<size).map { Place(slot: $0, wrap: wrap) } }
    }

    /// All places, chains and events of small rings. The rule in the specification's words (§2.8.10): called when the
    /// used place passes the event's, that is when a slot just passed is the event's and has its counter.
    @Test(arguments: 1...4, [VirtioFeatures.eventIndex, []])
    func spec_2_8_10_callsAreMadeAsTheDriversEventSays(size: Int, features: VirtioFeatures) throws {
        let test = try TestMemory()
        for start in places(size) {
            for count in 1...size {
                for flags: UInt16 in 0...3 {
                    for event in flags == 2 ? places(size) : [start] {
                        let fixture = try PackedQueueFixture(
                            size: size, features: features, startingAt: start.word, test: test)
                        // The first call has nothing to compare with; two laps further on is the same place.
                        try fixture.spend([size])
                        #expect(fixture.shouldNotify())
                        try fixture.spend([size])
                        _ = fixture.shouldNotify()
                        let old = fixture.driver.usedPlace
                        #expect(old == start)
                        fixture.driver.driverEvent = (event.word, flags)
                        try fixture.spend(Array(repeating: 1, count: count))
                        let passed = (0..<count).map { old.advanced(by: $0, size: size) }
                        let isCalled =
                            switch flags {
                            case 1: false
                            case 2 where features.contains(.eventIndex): passed.contains(event)
                            default: true
                            }
                        #expect(
                            fixture.shouldNotify() == isCalled,
                            "from \(old), by \(count), event \(event), flags \(flags)")
                        #expect(!fixture.owesCall)
                    }
                }
            }
        }
    }

    /// A chain of many slots passes all of them.
    @Test(arguments: 1...5) func longChainPassesAllItsSlots(length: Int) throws {
        for event in places(5) {
            let fixture = try PackedQueueFixture(size: 5)
            try fixture.spend([1])
            _ = fixture.shouldNotify()
            fixture.driver.driverEvent = (event.word, 2)
            try fixture.spend([length])
            let passed = (1...length).map { Place(slot: 0, wrap: true).advanced(by: $0, size: 5) }
            #expect(fixture.shouldNotify() == passed.contains(event), "\(event)")
        }
    }

    @Test func nothingUsedNeedsNoCallAndTheFirstOneIsMade() throws {
        let fixture = try PackedQueueFixture()
        fixture.publish()
        #expect(!fixture.shouldNotify())
        fixture.driver.driverEvent = (0x8005, 2)
        try fixture.spend([1])
        #expect(fixture.shouldNotify(), "nobody knows what was called for before the start")
        try fixture.spend([1])
        #expect(!fixture.shouldNotify())
        fixture.driver.driverEvent = (0x7fff, 2)
        try fixture.spend([1])
        #expect(!fixture.shouldNotify(), "a place outside the ring is never passed")
    }

    @Test func callMayWaitUntilHalfTheRingIsUsed() throws {
        let fixture = try PackedQueueFixture()
        try fixture.spend([3])
        #expect(!fixture.shouldNotify(mayWait: true))
        try fixture.spend([1])
        #expect(fixture.shouldNotify(mayWait: true))
        #expect(!fixture.owesCall)
    }

    /// All places and counts of small rings: the kick comes with the last of them, unless all are there already.
    @Test(arguments: 1...5) func kickForManyComesWithTheLastOfThem(size: Int) throws {
        let test = try TestMemory()
        for start in places(size) {
            for count in 1...size {
                for offeredBefore in 0...size {
                    let fixture = try PackedQueueFixture(size: size, startingAt: start.word, test: test)
                    fixture.disableKicks()
                    for _ in 0..<offeredBefore {
                        fixture.driver.add(readable: [[1]])
                        #expect(!fixture.driver.needsKick())
                    }
                    #expect(fixture.enableKicks(after: UInt16(count)) == (offeredBefore >= count))
                    #expect(fixture.driver.deviceEvent.flags == 2)
                    for offered in offeredBefore..<size {
                        fixture.driver.add(readable: [[1]])
                        #expect(
                            fixture.driver.needsKick() == (offered + 1 == count),
                            "from \(start), \(count) wanted, \(offered + 1) there")
                    }
                }
            }
        }
    }

    /// A place left behind would be passed again with each lap.
    @Test func whileDisabledNothingIsKickedForInAnyLap() throws {
        let fixture = try PackedQueueFixture(size: 3)
        #expect(!fixture.enableKicks())
        fixture.disableKicks()
        for _ in 0..<20 {
            try fixture.spend([1])
            #expect(!fixture.driver.needsKick())
        }
    }

    @Test func withoutEventIndexEveryChainIsKickedFor() throws {
        let fixture = try PackedQueueFixture(features: [])
        #expect(!fixture.enableKicks(after: 4))
        #expect(fixture.driver.deviceEvent.flags == 0)
        fixture.driver.add(readable: [[1]])
        #expect(fixture.driver.needsKick())
        #expect(fixture.enableKicks(after: 4))
        fixture.disableKicks()
        fixture.driver.add(readable: [[1]])
        #expect(!fixture.driver.needsKick())
    }
}
