import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("MappedMemory")
struct MappedMemoryTests {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))

    func file(pages: Int) throws -> OwnedFileDescriptor {
        try OwnedFileDescriptor.memory(named: "guest", byteCount: UInt64(pages * pageSize))
    }

    @Test(arguments: [0, 1, 100, 4095, 4096, 4097, 8191] as [UInt64])
    func startsAtTheOffsetAskedForWhateverItsAlignment(offset: UInt64) throws {
        let file = try file(pages: 3)
        var mark = Array("mark".utf8)
        #expect(unsafe pwrite(file.rawValue, &mark, 4, off_t(offset)) == 4)
        let memory = try MappedMemory(mapping: file, offset: offset, byteCount: 4)
        let read = unsafe Array(UnsafeRawBufferPointer(start: memory.base, count: memory.byteCount))
        #expect(read == mark)

        unsafe memory.base.storeBytes(of: UInt8(ascii: "M"), as: UInt8.self)
        var first: UInt8 = 0
        #expect(unsafe pread(file.rawValue, &first, 1, off_t(offset)) == 1)
        #expect(first == UInt8(ascii: "M"), "what is written there, the others see")
    }

    @Test func outlivesTheDescriptorItWasMadeFrom() throws {
        let memory = try MappedMemory(mapping: file(pages: 1), offset: 0, byteCount: pageSize)
        unsafe memory.base.storeBytes(of: 7, as: UInt64.self)
        #expect(unsafe memory.base.load(as: UInt64.self) == 7)
    }

    @Test(
        arguments: [
            (0, 0, Errno.invalidArgument), (0, -1, .invalidArgument), (0, Int.max, .overflow),
            (UInt64(Int64.max) - 100, 4096, .overflow), (UInt64.max, 1, .overflow),
        ] as [(UInt64, Int, Errno)])
    func rangesThatNoFileHasAreRefused(offset: UInt64, byteCount: Int, errno: Errno) throws {
        let file = try file(pages: 1)
        #expect(throws: SystemError(call: "mmap", errno: errno)) {
            _ = try MappedMemory(mapping: file, offset: offset, byteCount: byteCount)
        }
    }

    @Test func aSocketCannotBeMapped() throws {
        let pair = try UnixStream.pair()
        let descriptor = pair.first.takeDescriptor()
        #expect(throws: SystemError(call: "mmap", errno: Errno(rawValue: ENODEV))) {
            _ = try MappedMemory(mapping: descriptor, offset: 0, byteCount: 4096)
        }
    }

    @Test func isUnmappedWhenItGoesAway() throws {
        let page = pageSize
        let file = try file(pages: 1)
        let address: UInt
        do {
            let memory = try MappedMemory(mapping: file, offset: 0, byteCount: page)
            address = unsafe UInt(bitPattern: memory.base)
            unsafe memory.base.storeBytes(of: 1, as: UInt8.self)
        }
        #expect(!Self.isMapped(address, toInode: inode(of: file.rawValue)))
    }

    /// Whether /proc has a mapping of that file at that address; another test may have mapped something else there
    /// since.
    static func isMapped(_ address: UInt, toInode inode: UInt64?) -> Bool {
        guard let inode, let maps = unsafe fopen("/proc/self/maps", "re") else { return false }
        defer { unsafe fclose(maps) }
        var line = [CChar](repeating: 0, count: 8192)
        while unsafe fgets(&line, Int32(line.count), maps) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            if text.hasPrefix(String(address, radix: 16) + "-"), text.contains(" \(inode) ") { return true }
        }
        return false
    }

    @Test func manyMappingsCanComeAndGo() throws {
        let file = try file(pages: 1)
        // More than the guard has places for, one after the other.
        for _ in 0..<3000 {
            _ = try MappedMemory(mapping: file, offset: 0, byteCount: 1)
        }
    }
}
