import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

@Suite("Messages: size, fds and answer of each")
struct MessageDecoderTests {
    // MARK: As they should be

    @Test("a legal message is answered as its row says", arguments: WireRow.served)
    func legalMessageIsObeyed(_ row: WireRow) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)

        let answer = try conversation.say(row.message.with(descriptors: descriptors).needingReply)

        #expect(conversation.refusals.isEmpty)
        #expect(answer?.request == row.message.request)
        #expect(answer?.flags == 0x5)
        switch row.answer {
        case .acknowledgement: #expect(answer?.value == 0)
        case .body(let byteCount, _): #expect(answer?.payload.count == byteCount)
        }
    }

    @Test("without NEED_REPLY only a body is sent", arguments: WireRow.served)
    func withoutNeedReplyThereIsOnlyABody(_ row: WireRow) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)

        let answer = try conversation.say(row.message.with(descriptors: descriptors))

        switch row.answer {
        case .acknowledgement: #expect(answer == nil)
        case .body(let byteCount, _): #expect(answer?.payload.count == byteCount)
        }
    }

    @Test("NEED_REPLY means nothing until REPLY_ACK is negotiated", arguments: WireRow.served)
    func needReplyWithoutReplyAckIsIgnored(_ row: WireRow) throws {
        guard row.message.request != FrontendRequest.setProtocolFeatures.rawValue else { return }
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated(protocolFeatures: Conversation.allProtocolFeatures & ~(1 << 3))
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)

        let answer = try conversation.say(row.message.with(descriptors: descriptors).needingReply)

        #expect(conversation.refusals.isEmpty)
        switch row.answer {
        case .acknowledgement: #expect(answer == nil)
        case .body(let byteCount, _): #expect(answer?.payload.count == byteCount)
        }
    }

    @Test func socketForBackendRequestsIsTaken() throws {
        let pair = try UnixStream.pair()
        var conversation = try Conversation.negotiated()
        #expect(
            try conversation.say(.setBackendReqFd(pair.first.rawValue).needingReply)
                == .acknowledgement(21, succeeded: true))
    }

    @Test(arguments: 0...3)
    func remMemRegMayCarryAnFd(descriptorCount: Int) throws {
        let probe = try LeakProbe()
        let region = FakeRegion(guestBase: 0, byteCount: 0x1000, userBase: 0x1000)
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.addMemReg(region, probe.file.rawValue).needingReply)?.value == 0)
        let descriptors = [Int32](repeating: probe.file.rawValue, count: descriptorCount)

        let answer = try conversation.say(.remMemReg(region).with(descriptors: descriptors).needingReply)

        #expect(answer == .acknowledgement(38, succeeded: true))
        #expect(probe.leakedCount == 0)
        #expect(conversation.session.memory.regionCount == 0)
    }

    // MARK: As they should not be

    /// What a refused message is answered with, body or acknowledgement.
    private func expectRefusal(_ answer: FakeFrontend.Answer?, of row: WireRow, _ comment: Comment) {
        #expect(answer?.request == row.message.request, comment)
        #expect(answer?.flags == 0x5, comment)
        switch row.answer {
        case .acknowledgement: #expect((answer?.value ?? 0) != 0, comment)
        case .body(_, let byteCount): #expect(answer?.payload == [UInt8](repeating: 0, count: byteCount), comment)
        }
    }

    @Test("any other payload size is refused, and the next message understood", arguments: WireRow.served)
    func wrongPayloadSizeIsRefused(_ row: WireRow) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)
        let sizes = Array(0...48) + [264, 268, 1031, 1032, 1033, 1064, 2056, 4095, 4096]
        for size in sizes where size != row.message.payload.count {
            let message = row.message.with(payloadByteCount: size).with(descriptors: descriptors)
            let answer = try conversation.say(message.needingReply)
            expectRefusal(answer, of: row, "\(size) bytes")
            let unasked = try conversation.say(message)
            if case .acknowledgement = row.answer {
                #expect(unasked == nil, "\(size) bytes, no answer asked for")
            }
        }
        #expect(conversation.effects.count == 2, "only the two messages of the negotiation had an effect")
        #expect(probe.leakedCount == 0)
        #expect(try conversation.say(.getQueueNum)?.value == 8)
    }

    @Test("any other number of fds is refused, and none of them kept", arguments: WireRow.served)
    func wrongDescriptorCountIsRefused(_ row: WireRow) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        for count in 0...9 where count != row.descriptorCount {
            let descriptors = [Int32](repeating: probe.file.rawValue, count: count)
            let answer = try conversation.say(row.message.with(descriptors: descriptors).needingReply)
            switch row.answer {
            case .acknowledgement: expectRefusal(answer, of: row, "\(count) descriptors")
            // A question is answered whatever came with it: the front-end waits for it.
            case .body(let byteCount, _): #expect(answer?.payload.count == byteCount)
            }
            #expect(probe.leakedCount == 0, "\(count) descriptors")
        }
    }

    @Test("fds of requests that are not served are closed, and NEED_REPLY is answered no", arguments: WireRow.unserved)
    func unservedRequestIsRefused(_ request: UInt32) throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        for count in 0...9 {
            for payloadByteCount in [0, 8, 16, 24, 32, 40] {
                let message = FakeMessage(
                    request, [UInt8](repeating: 0, count: payloadByteCount),
                    descriptors: [Int32](repeating: probe.file.rawValue, count: count))
                #expect(try conversation.say(message.needingReply) == .acknowledgement(request, succeeded: false))
                #expect(try conversation.say(message) == nil)
            }
        }
        #expect(probe.leakedCount == 0)
    }

    @Test(
        "flags other than version 1 and NEED_REPLY are refused", arguments: WireRow.served,
        [0x8, 0xa, 0xb, 0xd, 0x19, 0x109, 0x8000_0009, 0xffff_ffff] as [UInt32])
    func strangeFlagsAreRefused(_ row: WireRow, flags: UInt32) throws {
        let probe = try row.makeProbe()
        var conversation = try Conversation.negotiated()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: row.descriptorCount)

        let answer = try conversation.say(row.message.with(descriptors: descriptors).with(flags: flags))

        expectRefusal(answer, of: row, "flags \(flags)")
        #expect(conversation.effects.count == 2)
        #expect(probe.leakedCount == 0)
    }

    @Test(
        "nothing of a feature that was not acknowledged changes anything",
        arguments: [
            (FakeMessage.setConfig(offset: 0, [1]), 9), (.resetDevice, 13), (.setStatus(0), 16),
            (.remMemReg(FakeRegion(guestBase: 0, byteCount: 1)), 15),
        ] as [(FakeMessage, UInt64)])
    func requestOfAFeatureNotAcknowledgedIsRefused(_ message: FakeMessage, bit: UInt64) throws {
        var conversation = try Conversation.negotiated(protocolFeatures: Conversation.allProtocolFeatures & ~(1 << bit))
        #expect(try conversation.say(message.needingReply)?.value == 1)
        #expect(conversation.effects.count == 2)
    }

    // MARK: Values inside

    @Test(arguments: [12, 13, 14] as [UInt32], [0x200, 0x1_0000, 1 << 32, 1 << 63, 0xffff_ffff_ffff_ff00] as [UInt64])
    func undefinedBitsAroundARingIndexAreRefused(request: UInt32, bits: UInt64) throws {
        let probe = try LeakProbe(.eventDescriptor)
        var conversation = try Conversation.negotiated()
        for word in [bits, bits | 0x100] {
            let message = FakeMessage(request, pack(word), descriptors: word & 0x100 == 0 ? [probe.file.rawValue] : [])
            #expect(try conversation.say(message.needingReply)?.value == 1)
        }
        #expect(probe.leakedCount == 0)
        #expect(conversation.session.vring(0).kick == .none)
    }

    @Test(arguments: [8, 9, 10, 18] as [UInt32], [256, 257, 0x1_0000, 0x7fff_ffff, 0xffff_ffff] as [UInt32])
    func ringIndexBeyondEightBitsIsRefused(request: UInt32, index: UInt32) throws {
        var conversation = try Conversation.negotiated()
        let rest = request == 9 ? [UInt8](repeating: 0, count: 36) : pack(UInt32(1))
        #expect(try conversation.say(FakeMessage(request, pack(index) + rest).needingReply)?.value == 1)
        #expect(conversation.refusals.count == 1)
        for index in 0..<VhostUserSession.ringCount {
            #expect(conversation.session.vring(index) == VringConfiguration(isServed: index < 8))
        }
    }

    @Test(arguments: [0, 1, 7, 8, 255, 256, 0x1_0000, 0xffff_ffff] as [UInt32])
    func everyRingIndexIsAnsweredABase(index: UInt32) throws {
        var conversation = try Conversation.negotiated()
        #expect(
            try conversation.say(.getVringBase(index))
                == FakeFrontend.Answer(to: 11, payload: pack(index) + pack(UInt32(0))))
    }

    @Test(arguments: [2, 3, 0x100, 0xffff_ffff] as [UInt32])
    func enableTakesZeroAndOneOnly(number: UInt32) throws {
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setVringEnable(0, number).needingReply)?.value == 1)
        #expect(!conversation.session.vring(0).isEnabled)
    }

    @Test(arguments: [2, 0xffff_ffff] as [UInt32])
    func undefinedFlagsInsideAreRefused(flags: UInt32) throws {
        var conversation = try Conversation.negotiated()
        let addresses = FakeMessage.setVringAddr(0, descriptors: 1, used: 2, available: 3, flags: flags)
        #expect(try conversation.say(addresses.needingReply)?.value == 1)
        #expect(try conversation.say(.setConfig(offset: 0, [1], flags: flags).needingReply)?.value == 1)
        #expect(conversation.session.vring(0).addresses == nil)
        #expect(conversation.config[0] == 80)
    }

    @Test(arguments: [0x100, 1 << 32, 1 << 63] as [UInt64])
    func statusBeyondEightBitsIsRefused(status: UInt64) throws {
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setStatus(status).needingReply)?.value == 1)
        #expect(try conversation.say(.getStatus)?.value == 0)
    }

    @Test(
        "a count of regions that the payload has not",
        arguments: [0, 2, 31, 33, 0x0800_0000, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func regionCountMustFitThePayload(count: UInt32) throws {
        let probe = try LeakProbe()
        var conversation = try Conversation.negotiated()
        var message = FakeMessage.setMemTable(
            [FakeRegion(guestBase: 0, byteCount: 4096)], descriptors: [probe.file.rawValue])
        message.payload.replaceSubrange(0..<4, with: pack(count))
        #expect(try conversation.say(message.needingReply)?.value == 1)
        #expect(probe.leakedCount == 0)
        #expect(conversation.session.memory.regionCount == 0)
    }

    @Test(
        "a config access whose size is not that of its bytes",
        arguments: [0, 11, 13, 0x1000, 0xffff_fff4, 0xffff_ffff] as [UInt32])
    func configSizeMustFitThePayload(size: UInt32) throws {
        var conversation = try Conversation.negotiated()
        for request in [24, 25] as [UInt32] {
            let message = FakeMessage(
                request, pack(UInt32(0)) + pack(size) + pack(UInt32(0)) + [UInt8](repeating: 1, count: 12))
            let answer = try conversation.say(message.needingReply)
            #expect(answer?.payload == (request == 24 ? [] : pack(UInt64(1))))
        }
        #expect(conversation.config[0] == 80)
    }
}
