import VirtioTestSupport

/// Messages of a front-end, mostly such as get past the first checks.
extension ByteSource {
    private static let protocolFeatures: UInt64 = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 13 | 1 << 15 | 1 << 16

    /// What is agreed on at the beginning, with or without what changes the meaning of later messages.
    mutating func nextNegotiation() -> [FakeMessage] {
        let choices = next()
        let protocolFeatures = Self.protocolFeatures | (choices & 1 != 0 ? 1 << 21 : 0)
        let features: UInt64 = 1 << 32 | 1 << 30 | 3 << 28 | 3 | (choices & 2 != 0 ? 1 << 34 : 0)
        return [.setProtocolFeatures(protocolFeatures), .setFeatures(features)]
    }

    /// All that a ring needs to run, in the first file of memory.
    mutating func nextRingStart(memory: Int32, event: Int32) -> [FakeMessage] {
        let index = UInt32(choose(10))
        let start = Self.userBase + 0x400 * UInt64(index)
        var addMemory = FakeMessage.addMemReg(
            FakeRegion(guestBase: Self.guestBase, byteCount: 0x1_0000, userBase: Self.userBase), memory)
        addMemory.flags |= UInt32(next() & 8)
        let base = next(UInt16.self)
        return [
            addMemory, .setVringNum(index, 1 << UInt32(choose(5))), .setVringBase(index, UInt32(base)),
            .setVringAddr(index, descriptors: start, used: start + 0x200, available: start + 0x300),
            .setVringKick(UInt64(index), event), .setVringCall(UInt64(index), event),
            .setVringEnable(index, 1).needingReply,
        ]
    }

    private static let guestBase: UInt64 = 0x1_0000
    private static let userBase: UInt64 = 0x7f00_0000_0000

    /// One message without its descriptors.
    mutating func nextMessage() -> FakeMessage {
        var message = nextRequest()
        let change = next()
        if change & 3 != 0 { message.flags |= 8 }
        if change & 0xf0 == 0 { message.flags = next(UInt32.self) }
        if change & 0xf0 == 0x10 { message.announcedByteCount = next(UInt32.self) >> UInt32(choose(32)) }
        if change & 0xf0 == 0x20 { message.payload = take(choose(64)) }
        return message
    }

    private mutating func nextRequest() -> FakeMessage {
        let index = nextIndex()
        switch choose(22) {
        case 0: return .setFeatures(next(UInt64.self))
        case 1: return .setProtocolFeatures(next(UInt64.self))
        case 2: return .setMemTable((0..<choose(10)).map { _ in nextRegion() }, descriptors: [])
        case 3: return .addMemReg(nextRegion(), 0)
        case 4: return .remMemReg(nextRegion())
        case 5: return .setVringNum(index, choose(4) == 0 ? next(UInt32.self) : 1 << UInt32(choose(16)))
        case 6: return .setVringBase(index, next(UInt32.self) >> UInt32(choose(2) * 16))
        case 7:
            return .setVringAddr(
                index, descriptors: nextRingAddress(), used: nextRingAddress(), available: nextRingAddress())
        case 8: return .getVringBase(index)
        case 9: return .setVringKick(UInt64(index), nextBool() ? 0 : nil)
        case 10: return .setVringCall(UInt64(index), nextBool() ? 0 : nil)
        case 11: return .setVringErr(UInt64(index), nextBool() ? 0 : nil)
        case 12: return .setVringEnable(index, UInt32(choose(4)))
        case 13: return .setBackendReqFd(0)
        case 14: return .getConfig(offset: nextOffset(), byteCount: UInt32(next()))
        case 15: return .setConfig(offset: nextOffset(), take(choose(40)), flags: UInt32(choose(3)))
        case 16: return choose(from: [.resetDevice, .resetOwner, .setOwner])
        case 17: return choose(from: [.getFeatures, .getProtocolFeatures, .getQueueNum, .getMaxMemSlots, .getStatus])
        case 18: return .setStatus(UInt64(next(UInt16.self)))
        case 19: return FakeMessage(UInt32(choose(50)), take(choose(64)))
        case 20: return FakeMessage(next(UInt32.self), take(choose(255)))
        default: return .getVringBase(next(UInt32.self))
        }
    }

    private mutating func nextIndex() -> UInt32 {
        choose(8) == 0 ? next(UInt32.self) >> UInt32(choose(32)) : UInt32(choose(10))
    }

    private mutating func nextOffset() -> UInt32 {
        choose(4) == 0 ? next(UInt32.self) : UInt32(choose(16))
    }

    private mutating func nextRingAddress() -> UInt64 {
        switch choose(4) {
        case 0, 1: Self.userBase + 16 * UInt64(next(UInt16.self) & 0xfff)
        case 2: Self.guestBase + UInt64(next(UInt16.self))
        default: next(UInt64.self)
        }
    }

    private mutating func nextRegion() -> FakeRegion {
        guard choose(8) != 0 else {
            return FakeRegion(
                guestBase: next(UInt64.self), byteCount: next(UInt64.self), userBase: next(UInt64.self),
                fileOffset: next(UInt64.self))
        }
        let place = UInt64(choose(8)) * 0x8000
        return FakeRegion(
            guestBase: Self.guestBase + place, byteCount: choose(from: [0x1_0000, 0x8000, 0x1000, 0x800, 1, 0]),
            userBase: Self.userBase + place, fileOffset: choose(from: [0, 0x1000, 0x801]))
    }
}
