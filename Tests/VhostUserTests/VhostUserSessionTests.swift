import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

@Suite("VhostUserSession: features, status, config")
struct VhostUserSessionTests {
    // MARK: Features

    @Test func exactlyTheImplementedProtocolFeaturesAreOffered() throws {
        var conversation = try Conversation()
        #expect(try conversation.say(.getProtocolFeatures)?.value == Conversation.allProtocolFeatures)
    }

    @Test func deviceFeaturesAreOfferedWithBit30() throws {
        var conversation = try Conversation()
        #expect(try conversation.say(.getFeatures)?.value == Conversation.features | 1 << 30)
    }

    @Test("protocol features that were not offered are refused", arguments: 0..<64)
    func protocolFeatureNotOffered(bit: UInt64) throws {
        var conversation = try Conversation.negotiated()
        let answer = try conversation.say(.setProtocolFeatures(1 << 3 | 1 << bit).needingReply)
        let isOffered = Conversation.allProtocolFeatures & 1 << bit != 0
        #expect(answer == .acknowledgement(16, succeeded: isOffered))
        #expect(
            conversation.session.acknowledgedProtocolFeatures.rawValue
                == (isOffered ? 1 << 3 | 1 << bit : Conversation.usualProtocolFeatures))
    }

    @Test("device features that were not offered are refused", arguments: 0..<64)
    func featureNotOffered(bit: UInt64) throws {
        var conversation = try Conversation.negotiated()
        let answer = try conversation.say(.setFeatures(1 << 30 | 1 << bit).needingReply)
        let isOffered = (Conversation.features | 1 << 30) & 1 << bit != 0
        #expect(answer == .acknowledgement(2, succeeded: isOffered))
        #expect(
            conversation.session.acknowledgedFeatures.rawValue
                == (isOffered ? 1 << bit & ~(1 << 30) : Conversation.features))
    }

    @Test func featuresMayComeAgain() throws {
        var conversation = try Conversation.negotiated()
        for features in [Conversation.features, 1 << 32, Conversation.features] {
            #expect(try conversation.say(.setFeatures(features | 1 << 30).needingReply)?.value == 0)
            #expect(conversation.session.acknowledgedFeatures.rawValue == features)
        }
    }

    @Test func withBit30RingsWaitToBeEnabled() throws {
        var conversation = try Conversation()
        #expect(try conversation.say(.setFeatures(1 << 32 | 1 << 30)) == nil)
        #expect(conversation.effects == [.none])
        #expect(!conversation.session.vring(0).isEnabled)
    }

    @Test func withoutBit30AllRingsAreEnabledAtOnce() throws {
        var conversation = try Conversation()
        #expect(try conversation.say(.setFeatures(1 << 32)) == nil)
        #expect(conversation.effects == [.allRingsChanged])
        for index in 0..<VhostUserSession.ringCount {
            #expect(conversation.session.vring(index).isEnabled)
        }
    }

    @Test func negotiationOfReplyAckIsItselfAcknowledged() throws {
        var conversation = try Conversation()
        #expect(
            try conversation.say(.setProtocolFeatures(1 << 3).needingReply) == .acknowledgement(16, succeeded: true))
    }

    @Test(arguments: [2, 8, 64, 256])
    func queueCountIsTheDevices(count: Int) throws {
        var conversation = try Conversation(queueCount: count)
        #expect(try conversation.say(.getQueueNum)?.value == UInt64(count))
    }

    @Test func memorySlotsAreAsManyAsTheTableTakes() throws {
        var conversation = try Conversation()
        #expect(try conversation.say(.getMaxMemSlots)?.value == 509)
    }

    // MARK: Status and reset

    @Test func statusIsRemembered() throws {
        var conversation = try Conversation.negotiated()
        for status in [0x0f, 8, 0xff] as [UInt64] {
            #expect(try conversation.say(.setStatus(status).needingReply)?.value == 0)
            #expect(try conversation.say(.getStatus)?.value == status)
            #expect(conversation.session.deviceStatus == UInt8(status))
        }
        #expect(!conversation.effects.contains(.reset))
    }

    @Test func statusZeroIsAReset() throws {
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setStatus(0).needingReply)?.value == 0)
        #expect(conversation.effects.last == .reset)
    }

    @Test func resetDeviceDisablesTheRingsAndKeepsTheRest() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(1)
        #expect(conversation.running == [1: 0])

        #expect(try conversation.say(.resetDevice.needingReply)?.value == 0)

        #expect(conversation.effects.last == .reset)
        #expect(conversation.running.isEmpty)
        #expect(!conversation.session.vring(1).isEnabled)
        #expect(conversation.session.vring(1).kick == .eventDescriptor)
        #expect(conversation.session.memory.regionCount == 1)
    }

    @Test func resetOwnerDisablesTheRingsAndKeepsTheRest() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(1)

        #expect(try conversation.say(.resetOwner.needingReply)?.value == 0)

        #expect(conversation.effects.last == .allRingsChanged)
        #expect(conversation.running.isEmpty)
        #expect(conversation.session.memory.regionCount == 1)
        #expect(try conversation.say(.setVringEnable(1, 1).needingReply)?.value == 0)
        #expect(conversation.running == [1: 0])
    }

    // MARK: Config

    @Test(
        "any offset and size are answered with as many bytes",
        arguments: [0, 1, 4, 11, 12, 13, 256, 0x7fff_ffff, 0xffff_ffff] as [UInt32],
        [0, 1, 12, 13, 256, 4084] as [UInt32])
    func configIsRead(offset: UInt32, byteCount: UInt32) throws {
        var conversation = try Conversation.negotiated()
        conversation.config = [UInt8](1...12)
        let expected = (0..<Int(byteCount)).map { index in
            Int(offset) + index < 12 ? UInt8(Int(offset) + index + 1) : 0
        }
        #expect(
            try conversation.say(.getConfig(offset: offset, byteCount: byteCount))
                == FakeFrontend.Answer(to: 24, payload: pack(offset) + pack(byteCount) + pack(UInt32(0)) + expected))
    }

    @Test(
        "a write reaches what is there, and nothing behind it",
        arguments: [0, 1, 8, 11, 12, 13, 256, 0xffff_ffff] as [UInt32], [0, 1, 4, 12, 13, 256] as [Int])
    func configIsWritten(offset: UInt32, byteCount: Int) throws {
        var conversation = try Conversation.negotiated()
        conversation.config = [UInt8](repeating: 0, count: 12)
        let bytes = [UInt8](repeating: 7, count: byteCount)
        #expect(try conversation.say(.setConfig(offset: offset, bytes).needingReply)?.value == 0)
        let expected = (0..<12).map { $0 >= Int(offset) && $0 < Int(offset) + byteCount ? 7 as UInt8 : 0 }
        #expect(conversation.config == expected)
    }

    @Test func migrationsWriteIsToldFromTheGuests() throws {
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setConfig(offset: 8, [1, 0, 0, 0], flags: 0).needingReply)?.value == 0)
        #expect(conversation.effects.last == .writeConfig(offset: 8, bytes: [1, 0, 0, 0], isMigration: false))
        #expect(try conversation.say(.setConfig(offset: 8, [1, 0, 0, 0], flags: 1).needingReply)?.value == 0)
        #expect(conversation.effects.last == .writeConfig(offset: 8, bytes: [1, 0, 0, 0], isMigration: true))
    }

    // MARK: How many queues the front-end has

    @Test func distinctCallsAreCountedUntilTheConfigIsRead() throws {
        var conversation = try Conversation.negotiated()
        for index in [0, 1, 2, 3, 4, 5, 3, 0] as [UInt64] {
            #expect(try conversation.say(.setVringCall(index, nil).needingReply)?.value == 0)
        }
        #expect(conversation.session.callIndexesSeen == 6)
        _ = try conversation.say(.getConfig(offset: 0, byteCount: 12))
        #expect(try conversation.say(.setVringCall(6, nil).needingReply)?.value == 0)
        #expect(conversation.session.callIndexesSeen == 6)
    }
}
