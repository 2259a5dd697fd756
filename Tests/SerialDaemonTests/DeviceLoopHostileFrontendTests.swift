import LinuxIO
import Testing
import Virtio
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// A front-end that says anything at any time, with rings that run and bytes on their way.
@Suite("DeviceLoop: hostile front-end")
struct DeviceLoopHostileFrontendTests {
    private final class Soup {
        let fixture: DeviceLoopFixture
        var random: SeededGenerator
        let event: EventFileDescriptor
        let file: OwnedFileDescriptor

        init(_ fixture: DeviceLoopFixture, seed: UInt64) throws {
            self.fixture = fixture
            random = SeededGenerator(seed: seed)
            event = try EventFileDescriptor()
            file = try OwnedFileDescriptor.memory(named: "soup", byteCount: 1 << 20)
        }

        /// Mostly something that means something, about rings that exist.
        func message() -> FakeMessage {
            let index = UInt32.random(in: 0...(Int.random(in: 0..<4, using: &random) == 0 ? 300 : 7), using: &random)
            let queue = fixture.guest.queues[Int(index) % fixture.guest.queues.count]
            let number = [0, 1, 2, 64, 100, 65535, 65536, .max].randomElement(using: &random) ?? 0
            let descriptor = Bool.random(using: &random) ? queue.kick.rawValue : event.rawValue
            let region = FakeRegion(fixture.guest.memory.regions[0])
            let addresses = queue.ring.userAddresses
            var odd = region
            odd.guestBase = UInt64.random(in: 0...(1 << 40), using: &random)
            odd.byteCount = UInt64.random(in: 0...(1 << 20), using: &random)
            switch Int.random(in: 0..<24, using: &random) {
            case 0: return .setFeatures(DeviceLoopFixture.features | UInt64.random(in: 0...1, using: &random) << 30)
            case 1: return .setVringNum(index, UInt32(truncatingIfNeeded: number))
            case 2: return .setVringNum(index, 64)
            case 3: return .setVringBase(index, UInt32(truncatingIfNeeded: number))
            case 4, 5:
                return .setVringAddr(
                    index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                    available: addresses.availableRing)
            case 6: return .setVringAddr(index, descriptors: UInt64(number), used: .max, available: addresses.usedRing)
            case 7, 8: return .setVringKick(UInt64(index), descriptor)
            case 9: return .setVringKick(UInt64(index), nil)
            case 10: return .setVringCall(UInt64(index), Bool.random(using: &random) ? descriptor : nil)
            case 11: return .setVringErr(UInt64(index), Bool.random(using: &random) ? descriptor : file.rawValue)
            case 12, 13, 14: return .setVringEnable(index, UInt32.random(in: 0...2, using: &random))
            case 15: return .getVringBase(index)
            case 16: return .addMemReg(region, fixture.guest.memory.file.rawValue)
            case 17: return .addMemReg(odd, file.rawValue)
            case 18: return .remMemReg(region)
            case 19: return .setMemTable([region], descriptors: [fixture.guest.memory.file.rawValue])
            case 20:
                return [.resetDevice, .setStatus(0), .resetOwner, .setOwner].randomElement(using: &random) ?? .setOwner
            case 21: return .setConfig(offset: UInt32.random(in: 0...12, using: &random), [1, 2, 3, 4])
            case 22: return .getConfig(offset: UInt32.random(in: 0...20, using: &random), byteCount: 12)
            default:
                let bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in
                    UInt8.random(in: 0...255, using: &random)
                }
                return FakeMessage(
                    UInt32.random(in: 0...50, using: &random), bytes,
                    descriptors: Bool.random(using: &random) ? [] : [file.rawValue, descriptor])
            }
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func anythingAtAnyTimeLeavesTheLoopAlive(seed: UInt64) throws {
        MappedMemory.installFaultGuard()
        let (fixture, client) = try DeviceLoopFixture.connected()
        let soup = try Soup(fixture, seed: seed)
        for _ in 0..<600 {
            let message = soup.message()
            let isAcknowledged = Bool.random(using: &soup.random)
            try fixture.frontend.wire.send(isAcknowledged ? message.needingReply : message)
            for _ in 0..<3 { fixture.guest.transmitq(1).offerNonsense(using: &soup.random) }
            for queue in fixture.guest.queues where Bool.random(using: &soup.random) { try queue.kick.signal() }
            client.send(pattern(10))
            _ = client.receive()
            try fixture.settle()
            while !fixture.frontend.isQuiet { _ = try fixture.frontend.wire.receive() }
        }
        // The connection is still there, and the next front-end finds a device like new.
        #expect(try fixture.say(.getFeatures)?.request == 1)
        try fixture.disconnectFrontend()
        #expect(openCount(of: soup.event.rawValue) == 1)
        #expect(openCount(of: soup.file.rawValue) == 1)
        #expect(mappingCount(of: soup.file.rawValue) == 0)
        #expect(mappingCount(of: fixture.guest.memory.file.rawValue) == 1)
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.connectFrontend()
        try fixture.boot()
        _ = client.receive()
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(100))
    }
}

extension GuestQueue {
    /// A head that may be outside the table, of whatever was written there; or a descriptor with any id and flags.
    fileprivate func offerNonsense(using random: inout SeededGenerator) {
        if let packed = ring as? PackedMockDriver {
            packed.offerRaw(
                .init(
                    address: packed.descriptorRing, length: UInt32.random(in: 0...70, using: &random),
                    id: UInt16.random(in: 0...70, using: &random), flags: UInt16.random(in: 0...7, using: &random)))
        } else {
            splitDriver.makeAvailable(UInt16.random(in: 0...70, using: &random))
        }
    }
}
