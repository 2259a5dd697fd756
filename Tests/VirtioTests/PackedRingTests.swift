import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("PackedRing")
struct PackedRingTests {
    private func error(size: UInt32, _ change: (inout RingAddresses) -> Void = { _ in }) throws -> VirtqueueError? {
        let test = try TestMemory()
        let driver = PackedMockDriver(memory: test, size: 8)
        var addresses = driver.guestAddresses
        change(&addresses)
        let memory = try test.makeGuestMemory()
        do throws(VirtqueueError) {
            _ = try PackedRing(addresses, in: .guestPhysical, size: size, memory: memory)
            return nil
        } catch {
            return error
        }
    }

    @Test func anySizeUpTo32768IsLegalAndNoOther() throws {
        for size: UInt32 in [1, 2, 3, 5, 1000, 32767, 32768] { #expect(try error(size: size) == nil) }
        for size: UInt32 in [0, 32769, 65536, .max] { #expect(try error(size: size) == .badSize(size)) }
    }

    @Test func areasMustBeAlignedAndInMemory() throws {
        let base = TestMemory.usualBase
        #expect(try error(size: 8) { $0.descriptorTable += 8 } == .misaligned(.descriptorTable, address: base + 8))
        #expect(try error(size: 8) { $0.availableRing += 2 } == .misaligned(.availableRing, address: base + 130))
        #expect(try error(size: 8) { $0.usedRing += 1 } == .misaligned(.usedRing, address: base + 133))
        #expect(
            try error(size: 8) { $0.descriptorTable = base + 0xf_ff90 }
                == .ringOutsideMemory(.descriptorTable, address: base + 0xf_ff90))
        #expect(try error(size: 8) { $0.descriptorTable = base + 0xf_ff80 } == nil, "it ends with the memory")
        #expect(try error(size: 8) { $0.availableRing = base + 0xf_fffc } == nil)
        #expect(
            try error(size: 8) { $0.usedRing = base + 0x10_0000 }
                == .ringOutsideMemory(.usedRing, address: base + 0x10_0000))
    }

    @Test func eventIsOneWordOfPlaceAndFlags() {
        let event = PackedEvent(word: 0xfffe_8123)
        #expect(event.kind == 2)
        #expect(event.offset == 0x123)
        #expect(event.wrap)
        #expect(PackedEvent.never.kind == 1)
        #expect(PackedEvent.always.kind == 0)
    }
}
