import LinuxIO
import Testing
import VhostUser
import Virtio
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Rings of every size, and at every place, that somebody could think of.
@Suite("Hostile ring geometry")
struct RingGeometryHostilityTests {
    private let scene: HostileScene
    private let queue: GuestQueue

    init() throws {
        scene = try HostileScene()
        queue = scene.transmitq
    }

    /// Starts the stopped ring as it was, with a size or addresses of its own.
    private func start(size: UInt32? = nil, at addresses: RingAddresses? = nil) throws -> (
        isSized: Bool, isRunning: Bool
    ) {
        let index = UInt32(queue.index)
        let addresses = addresses ?? queue.ring.userAddresses
        let isSized = try scene.isObeyed(.setVringNum(index, size ?? UInt32(queue.ring.size)))
        _ = try scene.isObeyed(.setVringBase(index, scene.fixture.bases[queue.index]))
        _ = try scene.isObeyed(
            .setVringAddr(
                index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                available: addresses.availableRing))
        try queue.kick.signal()
        _ = try scene.isObeyed(.setVringKick(UInt64(index), queue.kick.rawValue))
        _ = try scene.isObeyed(.setVringEnable(index, 1))
        return (isSized, scene.fixture.isRunning(queue))
    }

    private func expectRecovery() throws {
        _ = scene.victim.receive()
        try scene.expectBystanderLives()
        try scene.renew(queue)
        try scene.expectVictimLives()
    }

    @Test(
        "CVE-2017-17381, mvm #1860: a size that is truncated to 0 and divided by",
        arguments: [0, 1, 2, 3, 63, 64, 32767, 32768, 32769, 65535, 65536, 65537, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func anySizeIsServedOrRefused(size: UInt32) throws {
        try scene.fixture.stop(queue)
        let (isSized, isRunning) = try start(size: size)
        #expect(isSized == (1...32768).contains(size))
        // A split ring has a power of two. Of those, every one fits here; what an index then says may break it.
        let isLegal = isSized && (TestRings.arePacked || size.nonzeroBitCount == 1)
        #expect(isRunning == isLegal)
        #expect(try queue.isReportedBroken() == (isSized && !isLegal))
        queue.ring.offer([.init(address: queue.ring.allocate(4), length: 4)])
        try queue.kick.signal()
        try scene.fixture.settle()
        try expectRecovery()
    }

    @Test("CVE-2017-17381: a ring at a place where none can be", arguments: 0..<3)
    func anyPlaceIsServedOrRefused(area: Int) throws {
        let region = scene.guest.memory.regions[0]
        let end = region.userBase + region.byteCount
        let good = queue.ring.userAddresses
        // Misaligned; at the end, and sticking out; nowhere; and where an end wraps around 2^64.
        let places: [UInt64] = [
            good.descriptorTable + 1, end, end - 2, 0, 1, 4096, region.userBase - 16, region.guestBase, 1 << 63,
            .max - 15,
            .max - 3, .max - 1, .max,
        ]
        for place in places {
            try scene.fixture.stop(queue)
            let (_, isRunning) = try start(
                at: RingAddresses(
                    descriptorTable: area == 0 ? place : good.descriptorTable,
                    availableRing: area == 1 ? place : good.availableRing,
                    usedRing: area == 2 ? place : good.usedRing))
            #expect(!isRunning, "area \(area) at 0x\(String(place, radix: 16))")
            #expect(try queue.isReportedBroken())
        }
        try expectRecovery()
    }

    @Test("CVE-2017-17381: parts of a ring that lie over each other")
    func partsThatOverlapCostTheirRingAtMost() throws {
        let good = queue.ring.userAddresses
        let table = good.descriptorTable
        for addresses in [
            RingAddresses(descriptorTable: table, availableRing: table, usedRing: table),
            RingAddresses(descriptorTable: table, availableRing: table + 16, usedRing: table + 32),
            RingAddresses(descriptorTable: table, availableRing: good.availableRing, usedRing: good.availableRing & ~3),
            RingAddresses(descriptorTable: table, availableRing: good.usedRing, usedRing: good.usedRing),
        ] {
            try scene.fixture.stop(queue)
            // It runs until what the one part says makes no sense in the other.
            _ = try start(at: addresses)
            for _ in 0..<3 {
                queue.ring.offer([.init(address: queue.ring.allocate(4), length: 4)])
                try queue.kick.signal()
                try scene.fixture.settle()
            }
            try scene.expectBystanderLives()
            _ = scene.victim.receive()
        }
        try expectRecovery()
    }

    // MARK: Indexes

    private static let indexes: [UInt64] = [
        0, 1, 7, 8, 127, 128, 254, 255, 256, 257, 263, 511, 512, 0x1ff, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x1_0001,
        0x100_0001,
        0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_ff01, 0xffff_ffff,
    ]

    private var configurations: [VringState] {
        (0..<256).map { index in
            let vring = scene.fixture.loop.session.vring(index)
            return VringState(
                size: vring.size, base: vring.base, isEnabled: vring.isEnabled, hasCall: vring.hasCall,
                addresses: vring.addresses)
        }
    }

    private struct VringState: Equatable {
        var size: UInt32
        var base: UInt32
        var isEnabled: Bool
        var hasCall: Bool
        var addresses: RingAddresses?
    }

    /// Whatever a message does, it does to the ring that it names.
    private func expectOnly(_ index: UInt64?, toChangeBy message: FakeMessage) throws {
        let before = configurations
        let isObeyed = try scene.isObeyed(message)
        let after = configurations
        #expect(isObeyed == (index != nil), "request \(message.request), \(message.payload)")
        for other in 0..<256 where index != UInt64(other) {
            #expect(before[other] == after[other], "request \(message.request), \(message.payload): ring \(other)")
        }
    }

    @Test("CVE-2020-10723: the index of a ring is truncated to 8 or 16 bits", arguments: indexes)
    func anyIndexNamesOneRingOrNone(index: UInt64) throws {
        try scene.fixture.stopRings()
        let (narrow, expected) = (UInt32(index), index < 256 ? index : nil)
        try expectOnly(expected, toChangeBy: .setVringNum(narrow, 32))
        try expectOnly(expected, toChangeBy: .setVringBase(narrow, 7))
        try expectOnly(
            expected, toChangeBy: .setVringAddr(narrow, descriptors: 0x1000, used: 0x3000, available: 0x2000))
        try expectOnly(expected, toChangeBy: .setVringEnable(narrow, 1))
        let answer = try #require(try scene.fixture.say(.getVringBase(narrow)))
        #expect(answer.payload == pack(narrow) + pack(UInt32(index < 256 ? 7 : 0)))

        let event = try EventFileDescriptor()
        for request in [12, 13, 14] as [UInt32] {
            for word in [index, index | 0x100, index | 1 << 32, index | 1 << 63] {
                let hasNoDescriptor = word & 0x100 != 0
                let named = word < 512 ? word & 0xff : nil
                let bare = FakeMessage(request, pack(word))
                try expectOnly(hasNoDescriptor ? named : nil, toChangeBy: bare)
                try expectOnly(hasNoDescriptor ? nil : named, toChangeBy: bare.bringing(event.rawValue))
            }
        }
        try scene.fixture.disconnectFrontend()
        #expect(openCount(of: event.rawValue) == 1)
        try scene.startOver()
        try scene.expectVictimLives()
    }

    @Test("CVE-2026-5747, QEMU #3882: a ring's size, place or position changes under the queue made from it")
    func runningRingStaysWhatItIs() throws {
        let index = UInt32(queue.index)
        for size in [1, 32, 128, 32768] as [UInt32] {
            #expect(try !scene.isObeyed(.setVringNum(index, size)))
            #expect(try !scene.isObeyed(.setVringBase(index, size)))
            #expect(try !scene.isObeyed(.setVringAddr(index, descriptors: 0, used: UInt64(size), available: 0)))
            #expect(scene.fixture.isRunning(queue))
            try scene.expectVictimLives()
        }
    }
}
