import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

/// What SET_VRING_BASE and GET_VRING_BASE carry: of a split ring a position of 16 bits; of a packed one the available
/// place in the low 16 bits and the used place in the high ones, each a slot with the wrap counter in bit 15.
@Suite("VhostUserSession: where a ring goes on")
struct VhostUserSessionVringBaseTests {
    private static func packed() throws -> Conversation {
        try Conversation.negotiated(features: Conversation.packedFeatures)
    }

    // MARK: Split

    @Test(arguments: [0x1_0000, 0x8000_8000, 0xffff_ffff] as [UInt32])
    func splitRingsBaseOfMoreThan16BitsIsRefusedAtOnce(base: UInt32) throws {
        // What counts is what was acknowledged, not what was offered.
        var conversation = try Self.packed()
        #expect(try conversation.say(.setFeatures(Conversation.features | 1 << 30).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringBase(2, 7).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringBase(2, base).needingReply)?.value == 1)
        #expect(conversation.refusals == [.badValue(.setVringBase, UInt64(base))])
        #expect(conversation.session.vring(2).base == 7)
    }

    /// No message is to blame: each was right when it came.
    @Test func baseOfAPackedRingBreaksTheSplitOneThatBeginsThere() throws {
        var conversation = try Self.packed()
        try conversation.giveMemory()
        let kick = try EventFileDescriptor()
        for message in [
            .setVringBase(2, 0x8000_8000), .setFeatures(Conversation.features | 1 << 30), .setVringNum(2, 64),
            .setVringAddr(2, RingMemory.ring(2)), .setVringEnable(2, 1),
        ] as [FakeMessage] {
            #expect(try conversation.say(message.needingReply)?.value == 0)
            #expect(conversation.broken.isEmpty)
        }
        #expect(try conversation.say(.setVringKick(2, kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.broken == [2: .badBase(0x8000_8000)])
        #expect(conversation.running.isEmpty)
        #expect(conversation.refusals.isEmpty)
    }

    // MARK: Packed

    @Test(
        "all 32 bits of a packed ring's base come back, and are where it starts",
        arguments: [0, 0x8000_8000, 0x8005_0003, 0x0003_8005, 0x803f_003f, 0x0000_803f] as [UInt32])
    func packedBaseIsCarriedWhole(base: UInt32) throws {
        var conversation = try Self.packed()
        let descriptors = try conversation.startRing(2, base: base)
        #expect(conversation.running == [2: base])
        let moved = base ^ 0x8001_0002
        // What the device has done meanwhile.
        conversation.running[2] = moved

        let answer = try conversation.say(.getVringBase(2))

        #expect(answer == FakeFrontend.Answer(to: 11, payload: pack(UInt32(2)) + pack(moved)))
        #expect(conversation.session.vring(2).stoppedBase == moved)
        #expect(try conversation.say(.setVringBase(2, moved).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringKick(2, descriptors.kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.running == [2: moved])
    }

    @Test func chainIsTakenAtTheLowHalfAndUsedAtTheHighHalf() throws {
        let test = try TestMemory(byteCount: RingMemory.byteCount)
        let region = try #require(test.regions.first)
        var conversation = try Self.packed()
        let message = FakeMessage.addMemReg(
            FakeRegion(
                guestBase: region.guestBase, byteCount: region.byteCount, userBase: region.userBase,
                fileOffset: region.fileOffset),
            test.file.rawValue)
        #expect(try conversation.say(message.needingReply)?.value == 0)
        // One byte in slot 3, in a lap whose counter is 0: USED is set, and AVAIL is not (virtio 1.3 §2.8.1).
        let ring = region.guestBase + RingMemory.ring(2).descriptors - region.userBase
        test.store(region.guestBase, at: ring + 16 * 3)
        test.store(UInt32(1), at: ring + 16 * 3 + 8)
        test.store(UInt16(0x8000), at: ring + 16 * 3 + 14)
        try conversation.startRing(2, base: 0x8005_0003)

        // The conversation keeps no queue: the same one again, to be served.
        conversation.session.ringStopped(2, base: 0x8005_0003)
        var queue = try conversation.session.activate(2)
        var batch = ChainBatch(chainCapacity: 1)
        try queue.lookAhead(.deviceReadable, into: &batch, memory: conversation.session.memory, byteLimit: .max)
        let taken = queue.pushConsumed(batch, byteCount: 1)
        queue.publishUsed()

        #expect(taken == (1, 0))
        // Used in a lap whose counter is 1 has both bits.
        #expect(test.load(UInt16.self, at: ring + 16 * 5 + 14) == 0x8080)
        conversation.running[2] = queue.base
        #expect(try conversation.say(.getVringBase(2))?.payload == pack(UInt32(2)) + pack(UInt32(0x8006_0004)))
    }

    @Test(
        "a slot that the ring has not is no fault of the message, and breaks the ring when it starts",
        arguments: [0x8000_8040, 0x8040_8000, 0x0000_0040, 0x0040_0000, 0x7fff_7fff, 0xffff_ffff] as [UInt32])
    func slotOutsideTheRing(base: UInt32) throws {
        var conversation = try Self.packed()
        let descriptors = try conversation.startRing(3, base: 0x8000_8000)
        for message in [
            .setVringNum(2, 64), .setVringBase(2, base), .setVringAddr(2, RingMemory.ring(2)), .setVringEnable(2, 1),
        ] as [FakeMessage] {
            #expect(try conversation.say(message.needingReply)?.value == 0)
            #expect(conversation.broken.isEmpty)
        }
        #expect(try conversation.say(.setVringKick(2, descriptors.kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.broken == [2: .badBase(base)])
        #expect(conversation.running == [3: 0x8000_8000], "the other ring goes on")
        #expect(conversation.refusals.isEmpty)

        // The last slot is one that it has.
        #expect(try conversation.say(.setVringBase(2, 0x803f_003f).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringKick(2, descriptors.kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.broken.isEmpty)
        #expect(conversation.running == [2: 0x803f_003f, 3: 0x8000_8000])
    }

    @Test func sizeThatComesLaterDecidesWhetherASlotIsInTheRing() throws {
        var conversation = try Self.packed()
        try conversation.giveMemory()
        let kick = try EventFileDescriptor()
        for message in [
            .setVringBase(2, 0x8040_0040), .setVringNum(2, 64), .setVringAddr(2, RingMemory.ring(2)),
            .setVringEnable(2, 1), .setVringKick(2, kick.rawValue),
        ] as [FakeMessage] {
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.broken == [2: .badBase(0x8040_0040)])
        #expect(try conversation.say(.setVringNum(2, 65).needingReply)?.value == 0)
        #expect(conversation.running == [2: 0x8040_0040])
    }
}
