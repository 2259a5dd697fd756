import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("PackedPosition")
struct PackedPositionTests {
    @Test func encodingHasTheSlotBelowTheWrapCounter() throws {
        let fresh = try #require(PackedPosition(offsetAndWrap: 0x8000, size: 1))
        #expect(fresh.slot == 0)
        #expect(fresh.wrap)
        #expect(PackedPosition(offsetAndWrap: 0x8001, size: 1) == nil)
        #expect(PackedPosition(offsetAndWrap: 7, size: 7) == nil)
        #expect(PackedPosition(offsetAndWrap: 6, size: 7)?.offsetAndWrap == 6)
        let last = try #require(PackedPosition(offsetAndWrap: 0xffff, size: 32768))
        #expect(last.offsetAndWrap == 0xffff)
        #expect(last.advanced(by: 1, size: 32768).offsetAndWrap == 0)
        #expect(last.advanced(by: 32768, size: 32768).offsetAndWrap == 0x7fff)
    }

    /// All places and distances of small rings, against steps of one.
    @Test(arguments: 1...9 as ClosedRange<UInt16>) func advancingIsSteppingSlotBySlot(size: UInt16) throws {
        for slot in 0..<size {
            for wrap: UInt16 in [0, 0x8000] {
                let place = try #require(PackedPosition(offsetAndWrap: slot | wrap, size: size))
                for count in 0...size {
                    let expected = PackedMockDriver.Place(word: slot | wrap).advanced(by: Int(count), size: Int(size))
                    #expect(place.advanced(by: count, size: size).offsetAndWrap == expected.word)
                }
            }
        }
    }

    /// The bits in the specification's words (§2.8.1): available is AVAIL = counter and USED = its inverse.
    @Test func onlyTheTwoBitsSayWhatIsAvailable() throws {
        let first = try #require(PackedPosition(offsetAndWrap: 0x8000, size: 4))
        let second = try #require(PackedPosition(offsetAndWrap: 0, size: 4))
        for flags in UInt16.min...UInt16.max {
            let (available, used) = (flags & 0x80 != 0, flags & 0x8000 != 0)
            let descriptorFlags = DescriptorFlags(rawValue: flags)
            guard first.isAvailable(descriptorFlags) == (available && !used),
                second.isAvailable(descriptorFlags) == (!available && used)
            else {
                Issue.record("flags \(flags)")
                return
            }
        }
    }
}
