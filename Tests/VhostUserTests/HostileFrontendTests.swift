import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

/// A front-end that says anything, in any order. Whatever it says, nothing traps, no fd is kept beyond those a session
/// may keep, and the next honest question is answered.
@Suite("VhostUserSession: hostile front-ends")
struct HostileFrontendTests {
    private static let interesting: [UInt64] = [
        0, 1, 2, 3, 7, 8, 63, 64, 65, 255, 256, 257, 0x1ff, 0x200, 0xfff, 0x1000, 32767, 32768, 32769, 65535, 65536,
        0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0x1_0000_0000, RingMemory.userBase, RingMemory.guestBase,
        RingMemory.userBase + RingMemory.byteCount - 1, .max >> 1, 1 << 63, .max - 0xfff, .max - 1, .max,
    ]

    private static func anyMessage(
        _ random: inout SeededGenerator, probe: Int32, memory: Int32, running: [Int: UInt32]
    ) -> FakeMessage {
        let value = { (random: inout SeededGenerator) in interesting.randomElement(using: &random) ?? 0 }
        let ring = { (random: inout SeededGenerator) in UInt32.random(in: 0..<10, using: &random) }
        let region = FakeRegion(
            guestBase: value(&random), byteCount: value(&random), userBase: value(&random), fileOffset: value(&random))
        var message: FakeMessage
        switch Int.random(in: 0..<24, using: &random) {
        case 0:
            message = .setVringNum(
                ring(&random), [64, 32, UInt32(truncatingIfNeeded: value(&random))].randomElement(using: &random) ?? 1)
        case 1: message = .setVringBase(ring(&random), UInt32(truncatingIfNeeded: value(&random)))
        case 2, 3:
            let index = ring(&random)
            message = .setVringAddr(index, RingMemory.ring(Int(index)))
        case 4:
            message = .setVringAddr(
                ring(&random), descriptors: value(&random), used: value(&random), available: value(&random))
        case 5, 6: message = .setVringKick(UInt64(ring(&random)), Bool.random(using: &random) ? probe : nil)
        case 7: message = .setVringCall(UInt64(ring(&random)), Bool.random(using: &random) ? probe : nil)
        case 8: message = .setVringErr(UInt64(ring(&random)), Bool.random(using: &random) ? probe : nil)
        case 9, 10: message = .setVringEnable(ring(&random), UInt32.random(in: 0...1, using: &random))
        case 11: message = .getVringBase(UInt32(truncatingIfNeeded: value(&random)))
        case 12: message = .getVringBase(ring(&random))
        case 13: message = .addMemReg(RingMemory.region, memory)
        case 14: message = .addMemReg(region, memory)
        case 15: message = .remMemReg(Bool.random(using: &random) ? RingMemory.region : region)
        case 16: message = .setMemTable([RingMemory.region, region], descriptors: [memory, memory])
        case 17:
            message = .setFeatures([1 << 32 | 1 << 30, 1 << 32, value(&random)].randomElement(using: &random) ?? 0)
        case 18:
            message = .setProtocolFeatures(
                [Conversation.allProtocolFeatures, Conversation.usualProtocolFeatures].randomElement(using: &random)
                    ?? 0)
        case 19:
            message = .getConfig(
                offset: UInt32(truncatingIfNeeded: value(&random)),
                byteCount: UInt32.random(in: 0...4084, using: &random))
        case 20:
            message = .setConfig(
                offset: UInt32(truncatingIfNeeded: value(&random)),
                [UInt8](repeating: 1, count: Int.random(in: 0...300, using: &random)))
        case 21:
            message =
                [.resetDevice, .resetOwner, .setStatus(value(&random)), .getStatus].randomElement(using: &random)
                ?? .getStatus
        default:
            // Not even a message that there is.
            message = FakeMessage(
                UInt32.random(in: 0...50, using: &random),
                (0..<Int.random(in: 0...72, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) },
                descriptors: (0..<Int.random(in: 0...9, using: &random)).map { _ in
                    Bool.random(using: &random) ? probe : memory
                })
            message.flags = [1, 9, UInt32(truncatingIfNeeded: random.next())].randomElement(using: &random) ?? 1
        }
        // Now and then one byte of it is another.
        if Int.random(in: 0..<8, using: &random) == 0, let index = message.payload.indices.randomElement(using: &random)
        {
            message.payload[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        }
        return Bool.random(using: &random) ? message.needingReply : message
    }

    @Test("random messages in random order", arguments: 0..<40 as Range<UInt64>)
    func randomMessages(seed: UInt64) throws {
        let probe = try LeakProbe(.eventDescriptor)
        let memory = try LeakProbe(.memory(byteCount: RingMemory.byteCount))
        var random = SeededGenerator(seed: seed)
        var conversation = try Conversation.negotiated()
        for _ in 0..<1500 {
            let message = Self.anyMessage(
                &random, probe: probe.file.rawValue, memory: memory.file.rawValue, running: conversation.running)
            let answer = try conversation.say(message)
            if let answer {
                #expect(answer.flags == 0x5)
                #expect(answer.request == message.request)
                #expect(conversation.frontend.isQuiet == true, "one answer to one request")
            }
            for (index, position) in conversation.running {
                let vring = conversation.session.vring(index)
                #expect(vring.isRunnable && index < Conversation.queueCount && position <= 0xffff)
                // The guest works as well.
                conversation.running[index] = (position + 1) & 0xffff
            }
        }
        #expect(try conversation.say(.getQueueNum)?.value == UInt64(Conversation.queueCount))
        #expect(memory.leakedCount == 0)
        // Three for each of 256 rings, and a replaced kick.
        #expect(probe.leakedCount <= 3 * 256 + 1)
        _ = consume conversation
        #expect(probe.leakedCount == 0)
    }

    @Test("random bytes", arguments: 0..<40 as Range<UInt64>)
    func randomBytes(seed: UInt64) throws {
        let probes = [try LeakProbe(.eventDescriptor), try LeakProbe()]
        var random = SeededGenerator(seed: seed)
        var conversation = try Conversation.negotiated()
        do {
            for _ in 0..<200 {
                // Small sizes, or the framing would be lost with the first header.
                let byteCount = UInt32.random(in: 0...100, using: &random)
                let bytes =
                    pack(UInt32.random(in: 0...45, using: &random)) + pack(UInt32.random(in: 0...15, using: &random))
                    + pack(byteCount) + (0..<byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
                let cut = Int.random(in: 1...bytes.count, using: &random)
                let descriptors = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                    probes[Int.random(in: 0...1, using: &random)].file.rawValue
                }
                try conversation.frontend.send(bytes: Array(bytes[..<cut]), descriptors: descriptors)
                try conversation.serve()
                if cut < bytes.count {
                    try conversation.frontend.send(bytes: Array(bytes[cut...]))
                    try conversation.serve()
                }
                while !conversation.frontend.isQuiet {
                    #expect(try conversation.frontend.receive().flags == 0x5)
                }
            }
        }
        _ = consume conversation
        #expect(probes.map(\.leakedCount) == [0, 0])
    }

    /// Without SET_PROTOCOL_FEATURES: it can take REPLY_ACK back, and then no answer is right.
    @Test(
        "every number at every place of every message", arguments: WireRow.served.filter { $0.message.request != 16 })
    func everyValueEverywhere(_ row: WireRow) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)
        for offset in stride(from: 0, to: row.message.payload.count - 3, by: 4) {
            for value in Self.interesting {
                var message = row.message.with(descriptors: descriptors).needingReply
                let bytes = offset + 8 <= message.payload.count ? pack(value) : pack(UInt32(truncatingIfNeeded: value))
                message.payload.replaceSubrange(offset..<offset + bytes.count, with: bytes)
                #expect(try conversation.say(message)?.flags == 0x5)
            }
        }
        _ = consume conversation
        #expect(probe.leakedCount == 0)
    }
}
