import Glibc
import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

@Suite("VhostUserSession: memory")
struct VhostUserSessionMemoryTests {
    private static let page: UInt64 = 0x1000

    private static func region(_ guestBase: UInt64, _ byteCount: UInt64 = page, offset: UInt64 = 0) -> FakeRegion {
        FakeRegion(
            guestBase: guestBase, byteCount: byteCount, userBase: 0x7000_0000_0000 &+ guestBase, fileOffset: offset)
    }

    @Test func regionsComeAndGoOneByOne() throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        for index in 0..<20 as Range<UInt64> {
            let message = FakeMessage.addMemReg(
                Self.region(index * 0x2000, offset: index * Self.page), probe.file.rawValue)
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.session.memory.regionCount == 20)
        #expect(probe.leakedCount == 0, "a mapping needs no fd")
        for index in 0..<20 as Range<UInt64> {
            // Where the region is in its file does not matter now.
            #expect(
                try conversation.say(.remMemReg(Self.region(index * 0x2000, offset: 12345)).needingReply)?.value == 0)
        }
        #expect(conversation.session.memory.regionCount == 0)
        #expect(conversation.effects.filter { $0 == .memoryChanged }.count == 40)
    }

    @Test("a table of as many regions as fds fit", arguments: [0, 1, 2, 8, 9, 31, 32])
    func tableReplacesTheFormer(count: Int) throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        for _ in 0..<2 {
            let regions = (0..<UInt64(count)).map { Self.region($0 * Self.page, offset: $0 * Self.page) }
            let descriptors = [Int32](repeating: probe.file.rawValue, count: count)
            #expect(try conversation.say(.setMemTable(regions, descriptors: descriptors).needingReply)?.value == 0)
            #expect(conversation.session.memory.regionCount == count)
        }
        #expect(probe.leakedCount == 0)
    }

    /// Regions that cannot be, whatever else is there; their file has 1 MiB.
    static let impossible: [FakeRegion] = [
        FakeRegion(guestBase: 0, byteCount: 0),
        FakeRegion(guestBase: .max, byteCount: 0x1000),
        FakeRegion(guestBase: .max - 0xfff, byteCount: 0x1001),
        FakeRegion(guestBase: 0x1_0000, byteCount: .max),
        FakeRegion(guestBase: 0, byteCount: 1 << 63),
        FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: .max),
        FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0, fileOffset: .max),
        FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0, fileOffset: .max - 0xfff),
        FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0, fileOffset: 1 << 63),
        FakeRegion(guestBase: 0, byteCount: (1 << 20) + 1),
        FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0, fileOffset: (1 << 20) - 0xfff),
        FakeRegion(guestBase: 0, byteCount: 1, userBase: 0, fileOffset: 1 << 20),
    ]

    @Test("a region that cannot be is refused and costs nothing", arguments: impossible)
    func impossibleRegion(_ region: FakeRegion) throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        let good = Self.region(0x10_0000_0000)
        #expect(try conversation.say(.addMemReg(good, probe.file.rawValue).needingReply)?.value == 0)

        #expect(try conversation.say(.addMemReg(region, probe.file.rawValue).needingReply)?.value == 1)
        let table = [Self.region(0x20_0000_0000), region]
        let descriptors = [probe.file.rawValue, probe.file.rawValue]
        #expect(try conversation.say(.setMemTable(table, descriptors: descriptors).needingReply)?.value == 1)
        #expect(try conversation.say(.setMemTable(table.reversed(), descriptors: descriptors).needingReply)?.value == 1)

        #expect(probe.leakedCount == 0)
        #expect(conversation.session.memory.regionCount == 1)
        #expect(try conversation.say(.remMemReg(good).needingReply)?.value == 0, "the former table is still there")
    }

    @Test(
        "regions that overlap for the guest are refused",
        arguments: [
            (0x1000, 0x1000, true), (0x0, 0x1001, true), (0x1fff, 1, true), (0x0, 0x10000, true), (0x1800, 0x100, true),
            (0x0, 0x1000, false), (0x2000, 0x1000, false), (0xfff, 1, false),
        ] as [(UInt64, UInt64, Bool)])
    func overlap(guestBase: UInt64, byteCount: UInt64, overlaps: Bool) throws {
        let probe = try LeakProbe()
        let number = probe.file.rawValue
        let second = Self.region(guestBase, byteCount)
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.addMemReg(Self.region(0x1000), number).needingReply)?.value == 0)
        #expect(try conversation.say(.addMemReg(second, number).needingReply)?.value == (overlaps ? 1 : 0))

        var another = try Conversation.negotiated()
        let table = FakeMessage.setMemTable([Self.region(0x1000), second], descriptors: [number, number])
        #expect(try another.say(table.needingReply)?.value == (overlaps ? 1 : 0))
        #expect(another.session.memory.regionCount == (overlaps ? 0 : 2))
    }

    @Test func moreRegionsThanSlotsAreRefused() throws {
        let probe = try LeakProbe(.memory(byteCount: 0x1000))
        var conversation = try Conversation.negotiated()
        for index in 0..<509 as Range<UInt64> {
            let message = FakeMessage.addMemReg(Self.region(index * Self.page), probe.file.rawValue)
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(try conversation.say(.addMemReg(Self.region(1 << 40), probe.file.rawValue).needingReply)?.value == 1)
        #expect(conversation.session.memory.regionCount == 509)
        #expect(try conversation.say(.remMemReg(Self.region(0)).needingReply)?.value == 0)
        #expect(try conversation.say(.addMemReg(Self.region(1 << 40), probe.file.rawValue).needingReply)?.value == 0)
    }

    @Test(
        "only exactly the same region is removed",
        arguments: [
            FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0x5000),
            FakeRegion(guestBase: 0x1000, byteCount: 0x1000, userBase: 0x5001),
            FakeRegion(guestBase: 0x1000, byteCount: 0xfff, userBase: 0x5000),
            FakeRegion(guestBase: 0x1000, byteCount: 0x1001, userBase: 0x5000),
            FakeRegion(guestBase: 0x1001, byteCount: 0x1000, userBase: 0x5000),
            FakeRegion(guestBase: .max, byteCount: .max, userBase: .max),
        ])
    func otherRegionIsNotRemoved(_ region: FakeRegion) throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        let present = FakeRegion(guestBase: 0x1000, byteCount: 0x1000, userBase: 0x5000)
        #expect(try conversation.say(.addMemReg(present, probe.file.rawValue).needingReply)?.value == 0)
        #expect(try conversation.say(.remMemReg(region).needingReply)?.value == 1)
        #expect(conversation.session.memory.regionCount == 1)
    }

    @Test func regionRemovedTwiceIsRefused() throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        let region = FakeRegion(guestBase: 0x1000, byteCount: 0x1000)
        #expect(try conversation.say(.addMemReg(region, probe.file.rawValue).needingReply)?.value == 0)
        #expect(try conversation.say(.remMemReg(region).needingReply)?.value == 0)
        #expect(try conversation.say(.remMemReg(region).needingReply)?.value == 1)
    }

    @Test func fileThatIsNoMemoryIsRefused() throws {
        var conversation = try Conversation.negotiated()
        let event = try EventFileDescriptor()
        let sockets = makeSocketPair()
        _ = OwnedFileDescriptor(adopting: sockets.first)
        let directory = OwnedFileDescriptor(adopting: unsafe open("/proc", O_RDONLY | O_CLOEXEC))
        let readOnly = OwnedFileDescriptor(adopting: unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC))
        for number in [event.rawValue, sockets.second, directory.rawValue, readOnly.rawValue] {
            let message = FakeMessage.addMemReg(Self.region(0), number)
            #expect(try conversation.say(message.needingReply)?.value == 1)
        }
        #expect(conversation.session.memory.regionCount == 0)
        _ = OwnedFileDescriptor(adopting: sockets.second)
    }

    // MARK: Rings and memory

    @Test func ringsRunOnInANewTable() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 5)
        conversation.running[2] = 9
        let file = try OwnedFileDescriptor.memory(named: "again", byteCount: RingMemory.byteCount)
        let table = FakeMessage.setMemTable([RingMemory.region], descriptors: [file.rawValue])

        #expect(try conversation.say(table.needingReply)?.value == 0)

        #expect(conversation.running == [2: 9], "made anew where it was")
    }

    @Test func ringWhoseMemoryGoesIsBrokenAndComesBackWithIt() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 5)
        #expect(try conversation.say(.remMemReg(RingMemory.region).needingReply)?.value == 0)
        #expect(conversation.running.isEmpty)
        #expect(
            conversation.broken
                == [2: .ringOutsideMemory(.descriptorTable, address: RingMemory.ring(2).descriptors)])

        try conversation.giveMemory()
        #expect(conversation.running == [2: 5])
    }

    @Test func withGuestPhysicalAddressesRingsAreFoundThere() throws {
        var conversation = try Conversation.negotiated(protocolFeatures: Conversation.allProtocolFeatures)
        let file = try OwnedFileDescriptor.memory(named: "physical", byteCount: RingMemory.byteCount)
        let region = FakeRegion(guestBase: RingMemory.guestBase, byteCount: RingMemory.byteCount)
        #expect(try conversation.say(.addMemReg(region, file.rawValue).needingReply)?.value == 0)
        let kick = try EventFileDescriptor()
        let ring = RingMemory.ring(0, space: RingMemory.guestBase)
        for message in [
            .setVringNum(0, 64), .setVringAddr(0, ring), .setVringKick(0, kick.rawValue), .setVringEnable(0, 1),
        ] as [FakeMessage] {
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.running == [0: 0])
    }
}
