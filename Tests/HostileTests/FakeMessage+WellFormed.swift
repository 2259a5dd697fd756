import VirtioTestSupport

@testable import SerialDaemonTests

extension FakeMessage {
    /// Every request that the protocol defines.
    static let allRequests: ClosedRange<UInt32> = 1...44

    /// The request with a payload as the specification has it, about one ring or about memory far from the guest's; without
    /// descriptors.
    static func wellFormed(_ request: UInt32, ring: UInt32 = 1) -> FakeMessage {
        let region = FakeRegion(guestBase: 1 << 40, byteCount: 0x1000, userBase: 1 << 41)
        let state = pack(ring) + pack(UInt32(0))
        let inflight = pack(UInt64(0x1000)) + pack(UInt64(0)) + pack(UInt16(8)) + pack(UInt16(64))
        switch request {
        case 2: return .setFeatures(DeviceLoopFixture.features | 1 << 30)
        case 5: return .setMemTable([region], descriptors: [])
        case 6: return FakeMessage(request, pack(UInt64(0x1000)) + pack(UInt64(0)))
        case 8, 18: return FakeMessage(request, pack(ring) + pack(UInt32(request == 8 ? 64 : 1)))
        case 9: return .setVringAddr(ring, descriptors: 0x1000, used: 0x3000, available: 0x2000)
        case 10, 11, 23: return FakeMessage(request, state)
        case 12, 13, 14: return FakeMessage(request, pack(UInt64(ring)))
        case 16: return .setProtocolFeatures(DeviceLoopFixture.protocolFeatures)
        case 19, 20, 39: return FakeMessage(request, pack(UInt64(8)))
        case 22: return FakeMessage(request, [UInt8](repeating: 0, count: 40))
        case 24: return .getConfig(offset: 0, byteCount: 12)
        case 25: return .setConfig(offset: 0, [UInt8](repeating: 0, count: 12))
        case 31, 32: return FakeMessage(request, inflight)
        case 35: return FakeMessage(request, state)
        case 37, 38: return FakeMessage(request, FakeMessage.remMemReg(region).payload)
        case 41: return FakeMessage(request, [UInt8](repeating: 7, count: 16))
        case 42: return FakeMessage(request, pack(UInt32(0)) + pack(UInt32(0)))
        default: return FakeMessage(request)
        }
    }

    /// The same message with other descriptors.
    func bringing(_ descriptor: Int32, count: Int = 1) -> FakeMessage {
        var message = self
        message.descriptors = [Int32](repeating: descriptor, count: count)
        return message
    }
}
