import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("MappedMemory: fault guard")
struct MappedMemoryFaultGuardTests {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

    init() {
        MappedMemory.installFaultGuard()
    }

    @Test func aReadOfMemoryThatWentAwayIsZeroAndSaysSo() throws {
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: UInt64(4 * pageSize))
        let memory = try MappedMemory(mapping: file, offset: 0, byteCount: 4 * pageSize)
        for page in 0..<4 { unsafe memory.base.storeBytes(of: 0x55, toByteOffset: page * pageSize + 8, as: UInt8.self) }
        try file.resize(toByteCount: UInt64(2 * pageSize))

        #expect(unsafe memory.base.load(fromByteOffset: pageSize + 8, as: UInt8.self) == 0x55)
        let before = memory.isGone
        #expect(!before, "the part that is left is no reason")
        #expect(unsafe memory.base.load(fromByteOffset: 2 * pageSize + 8, as: UInt8.self) == 0)
        let after = memory.isGone
        #expect(after)
        #expect(unsafe memory.base.load(fromByteOffset: pageSize + 8, as: UInt8.self) == 0x55, "one page is replaced")
        #expect(unsafe memory.base.load(fromByteOffset: 3 * pageSize + 8, as: UInt8.self) == 0, "and again")
    }

    @Test func aWriteGoesNowhere() throws {
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: UInt64(pageSize))
        let memory = try MappedMemory(mapping: file, offset: 0, byteCount: pageSize)
        try file.resize(toByteCount: 0)
        unsafe memory.base.storeBytes(of: 1, as: UInt64.self)
        try file.resize(toByteCount: UInt64(pageSize))
        var first: UInt8 = 0xFF
        #expect(unsafe pread(file.rawValue, &first, 1, 0) == 1)
        let isGone = memory.isGone
        #expect(isGone)
        #expect(first == 0)
    }

    @Test func onlyTheMappingThatWasHitIsGone() throws {
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: UInt64(pageSize))
        let other = try OwnedFileDescriptor.memory(named: "other", byteCount: UInt64(pageSize))
        let before = try MappedMemory(mapping: other, offset: 0, byteCount: pageSize)
        let hit = try MappedMemory(mapping: file, offset: 0, byteCount: pageSize)
        let after = try MappedMemory(mapping: other, offset: 0, byteCount: pageSize)
        try file.resize(toByteCount: 0)
        #expect(unsafe hit.base.load(as: UInt8.self) == 0)
        let (isBeforeGone, isHitGone, isAfterGone) = (before.isGone, hit.isGone, after.isGone)
        #expect((isBeforeGone, isHitGone, isAfterGone) == (false, true, false))
    }

    @Test func aNewMappingInThePlaceOfOneThatWasHitStartsAfresh() throws {
        for _ in 0..<2 {
            let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: UInt64(pageSize))
            let memory = try MappedMemory(mapping: file, offset: 0, byteCount: pageSize)
            let before = memory.isGone
            #expect(!before)
            try file.resize(toByteCount: 0)
            #expect(unsafe memory.base.load(as: UInt8.self) == 0)
            let after = memory.isGone
            #expect(after)
        }
    }

    @Test func aFaultElsewhereStillEndsTheProcess() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            MappedMemory.installFaultGuard()
            let file = try OwnedFileDescriptor.memory(named: "unguarded", byteCount: 4096)
            let mapped = unsafe mmap(nil, 4096, PROT_READ, MAP_SHARED, file.rawValue, 0)
            try file.resize(toByteCount: 0)
            _ = unsafe try #require(mapped).load(as: UInt8.self)
        }
    }

    @Test func aMappingThatIsGoneIsNoLongerGuarded() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            MappedMemory.installFaultGuard()
            let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: 4096)
            let address: UnsafeMutableRawPointer
            do {
                let memory = try MappedMemory(mapping: file, offset: 0, byteCount: 4096)
                unsafe address = memory.base
            }
            // The same address, now of somebody else.
            _ = unsafe mmap(address, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, file.rawValue, 0)
            try file.resize(toByteCount: 0)
            _ = unsafe address.load(as: UInt8.self)
        }
    }

    @Test func aSignalThatSomebodySentStillEndsTheProcess() async {
        await #expect(processExitsWith: .signal(SIGBUS)) {
            MappedMemory.installFaultGuard()
            raise(SIGBUS)
        }
    }
}
