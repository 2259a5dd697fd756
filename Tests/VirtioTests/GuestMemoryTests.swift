import LinuxIO
import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("GuestMemory")
struct GuestMemoryTests {
    private func region(
        _ file: borrowing OwnedFileDescriptor, guest: UInt64, user: UInt64 = 0, byteCount: UInt64 = 0x1000,
        offset: UInt64 = 0
    ) throws(GuestMemoryError) -> GuestMemoryRegion {
        try GuestMemoryRegion(
            guestBase: GuestAddress(guest), userBase: UserAddress(user), byteCount: byteCount, file: file,
            fileOffset: offset)
    }

    /// The bytes at a guest address, gathered over as many ranges as it takes; nil when one is missing.
    private func read(_ memory: borrowing GuestMemory, guest: UInt64, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let isRead = unsafe bytes.withUnsafeMutableBytes { unsafe memory.copy(from: GuestAddress(guest), into: $0) }
        return isRead ? bytes : nil
    }

    /// Expects a range of this many bytes, or none. (`#expect` cannot look into a value that is not copyable.)
    private func expectCount(
        _ memory: borrowing GuestMemory, _ address: GuestAddress, _ byteCount: UInt64, is expected: Int?
    ) {
        let found = unsafe memory.hostRange(guest: address, byteCount: byteCount)?.count
        #expect(found == expected)
    }

    private func expectRegionCount(_ memory: borrowing GuestMemory, _ expected: Int) {
        let found = memory.regionCount
        #expect(found == expected)
    }

    private func expectRead(_ memory: borrowing GuestMemory, guest: UInt64, _ count: Int, is expected: [UInt8]?) {
        let found = read(memory, guest: guest, count)
        #expect(found == expected)
    }

    @Test func bothAddressSpacesFindTheSameBytes() throws {
        let test = try TestMemory()
        let memory = try test.makeGuestMemory()
        test.store(UInt32(0xfeed_f00d), at: TestMemory.usualBase + 0x123)
        let guest = unsafe memory.hostRange(guest: GuestAddress(TestMemory.usualBase + 0x123), byteCount: 4)
        let user = unsafe memory.hostRange(user: UserAddress(TestMemory.usualUserBase + 0x123), byteCount: 4)
        #expect(unsafe guest?.loadUnaligned(as: UInt32.self) == 0xfeed_f00d)
        #expect(unsafe guest?.baseAddress == user?.baseAddress)
    }

    @Test func aRangeIsCutAtTheEndOfItsRegion() throws {
        let test = try TestMemory(byteCount: 0x1000)
        let memory = try test.makeGuestMemory()
        let last = GuestAddress(TestMemory.usualBase + 0xfff)
        expectCount(memory, last, 100, is: 1)
        expectCount(memory, GuestAddress(last.rawValue + 1), 1, is: nil)
        expectCount(memory, GuestAddress(TestMemory.usualBase - 1), 1, is: nil)
        expectCount(memory, GuestAddress(.max), .max, is: nil)
    }

    @Test func bytesAreFoundOverAdjacentRegionsThatAreApartInTheFile() throws {
        // Neighbours for the guest, in the other order in the file, so that one mapping cannot serve by chance.
        let test = try TestMemory(regions: [
            .init(guestBase: 0x1000, userBase: 0x10_0000, byteCount: 0x1000, fileOffset: 0x4000),
            .init(guestBase: 0x2000, userBase: 0x90_0000, byteCount: 0x1000, fileOffset: 0),
        ])
        let memory = try test.makeGuestMemory()
        let bytes: [UInt8] = [1, 2, 3, 4, 5, 6]
        test.store(bytes, at: 0x1ffd)
        expectRead(memory, guest: 0x1ffd, 6, is: bytes)
        expectRead(memory, guest: 0x2ffd, 6, is: nil)
    }

    @Test func copyingStopsAtTheEndOfTheAddressSpace() throws {
        let memory = GuestMemory()
        expectRead(memory, guest: .max, 8, is: nil)
    }

    @Test func manyRegionsAreFoundInAnyOrderOfAdding() throws {
        let file = try OwnedFileDescriptor.memory(named: "regions", byteCount: 64 * 0x1000)
        var memory = GuestMemory()
        var order = Array(0..<64)
        var generator = SeededGenerator(seed: 1)
        order.shuffle(using: &generator)
        for index in order {
            // With holes between them.
            try memory.add(
                region(file, guest: UInt64(index) * 0x3000 + 0x1000, byteCount: 0x1000, offset: UInt64(index) * 0x1000))
        }
        for index in 0..<64 {
            let base = UInt64(index) * 0x3000 + 0x1000
            expectCount(memory, GuestAddress(base), 1, is: 1)
            expectCount(memory, GuestAddress(base + 0xfff), 1, is: 1)
            expectCount(memory, GuestAddress(base + 0x1000), 1, is: nil)
            expectCount(memory, GuestAddress(base - 1), 1, is: nil)
        }
    }

    @Test(
        arguments: [
            (0x1000, 0x1000, true), (0x2000, 0x1000, false), (0x0, 0x1000, false), (0x0, 0x1001, true),
            (0x1fff, 0x10, true),
            (0x0, 0x9000, true), (0x1800, 0x10, true),
        ] as [(UInt64, UInt64, Bool)])
    func overlapsAreRefused(guest: UInt64, byteCount: UInt64, overlaps: Bool) throws {
        let file = try OwnedFileDescriptor.memory(named: "overlap", byteCount: 0x10000)
        var memory = GuestMemory()
        try memory.add(region(file, guest: 0x1000))
        if overlaps {
            #expect(throws: GuestMemoryError.overlap(guestBase: GuestAddress(guest), byteCount: byteCount)) {
                try memory.add(region(file, guest: guest, byteCount: byteCount))
            }
            expectRegionCount(memory, 1)
        } else {
            try memory.add(region(file, guest: guest, byteCount: byteCount))
            expectRegionCount(memory, 2)
        }
    }

    @Test(
        arguments: [
            (UInt64.max, 0, 0, 1), (0, UInt64.max, 0, 1), (0, 0, UInt64.max, 1), (0x1000, 0, 0, UInt64.max - 0xfff),
            (0, 0, 0x1000, UInt64.max - 0xfff), (0, 0, 0, UInt64(Int64.max) + 1),
        ] as [(UInt64, UInt64, UInt64, UInt64)])
    func rangesThatPassTheEndAreRefused(guest: UInt64, user: UInt64, offset: UInt64, byteCount: UInt64) throws {
        let file = try OwnedFileDescriptor.memory(named: "edges", byteCount: 0x1000)
        #expect {
            _ = try region(file, guest: guest, user: user, byteCount: byteCount, offset: offset)
        } throws: { error in
            guard case .rangeOverflow = error as? GuestMemoryError else { return false }
            return true
        }
    }

    @Test func emptyAndTooLargeRegionsAreRefused() throws {
        let file = try OwnedFileDescriptor.memory(named: "small", byteCount: 0x1000)
        #expect(throws: GuestMemoryError.emptyRegion) { _ = try region(file, guest: 0, byteCount: 0) }
        #expect(throws: GuestMemoryError.fileTooSmall(fileByteCount: 0x1000, neededByteCount: 0x1001)) {
            _ = try region(file, guest: 0, byteCount: 0x1000, offset: 1)
        }
    }

    @Test func aRegionIsRemovedByItsWholeIdentity() throws {
        let file = try OwnedFileDescriptor.memory(named: "remove", byteCount: 0x4000)
        var memory = GuestMemory()
        try memory.add(region(file, guest: 0x1000, user: 0x5000))
        for (guest, user, byteCount) in [
            (0x1001, 0x5000, 0x1000), (0x1000, 0x5001, 0x1000), (0x1000, 0x5000, 0xfff), (0, 0, 0),
        ]
            as [(UInt64, UInt64, UInt64)]
        {
            #expect(throws: GuestMemoryError.noSuchRegion(guestBase: GuestAddress(guest), byteCount: byteCount)) {
                try memory.remove(guestBase: GuestAddress(guest), userBase: UserAddress(user), byteCount: byteCount)
            }
        }
        try memory.remove(guestBase: GuestAddress(0x1000), userBase: UserAddress(0x5000), byteCount: 0x1000)
        expectRegionCount(memory, 0)
    }

    @Test func thereIsAMostOfRegions() throws {
        let file = try OwnedFileDescriptor.memory(named: "many", byteCount: 0x1000)
        var memory = GuestMemory()
        for index in 0..<UInt64(GuestMemory.maximumRegionCount) {
            try memory.add(region(file, guest: index * 0x1000))
        }
        #expect(throws: GuestMemoryError.tooManyRegions) { try memory.add(region(file, guest: 1 << 40)) }
    }
}
