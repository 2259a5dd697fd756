import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import SerialDaemon

// What QEMU and a Linux guest do to start, pause and end, in their order and with a kick, a call and an error eventfd
// for each ring.

extension DeviceLoopFixture {
    /// Everything up to a guest that has set its ports up: features, memory, rings, handshake.
    func boot(memory: Bool = true) throws {
        try negotiate()
        if memory {
            try shareMemory()
        }
        try startRings()
        try startDriver()
    }

    /// What QEMU says when it makes the device.
    func negotiate() throws {
        // IN_ORDER always, RING_PACKED only when it is configured.
        let offered: UInt64 = 1 << 30 | 1 << 35 | TestRings.features.rawValue
        #expect(try say(.getFeatures)?.value.map { $0 & (1 << 30 | 1 << 34 | 1 << 35) } == offered)
        #expect(try say(.getProtocolFeatures)?.value.map { $0 & Self.protocolFeatures } == Self.protocolFeatures)
        try say(.setProtocolFeatures(Self.protocolFeatures))
        try say(.setOwner)
        for queue in guest.queues {
            try demand(.setVringCall(UInt64(queue.index), queue.call.rawValue))
            try demand(.setVringErr(UInt64(queue.index), queue.error.rawValue))
        }
        _ = try say(.getConfig(offset: 0, byteCount: 12))
    }

    /// Passes the guest's memory, one region after the other.
    func shareMemory() throws {
        for region in guest.memory.regions {
            try demand(.addMemReg(FakeRegion(region), guest.memory.file.rawValue))
        }
    }

    /// What QEMU says when the guest's driver is ready, or when a VM goes on: every ring at its base, enabled at the
    /// end.
    func startRings() throws {
        try say(.setFeatures(features | 1 << 30))
        #expect(try say(.getStatus) != nil)
        try say(.setStatus(8))
        for queue in guest.queues { try configure(queue) }
        for queue in guest.queues { try demand(.setVringEnable(UInt32(queue.index), 1)) }
        for queue in guest.queues { try demand(.setVringCall(UInt64(queue.index), queue.call.rawValue)) }
    }

    /// Size, base, addresses, kick (signalled once, as QEMU does) and call of one ring.
    func configure(_ queue: GuestQueue) throws {
        let index = UInt32(queue.index)
        let addresses = queue.ring.userAddresses
        try say(.setVringNum(index, UInt32(queue.ring.size)))
        try say(.setVringBase(index, bases[queue.index]))
        try say(
            .setVringAddr(
                index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                available: addresses.availableRing))
        try queue.kick.signal()
        try demand(.setVringKick(UInt64(index), queue.kick.rawValue))
        try demand(.setVringCall(UInt64(index), queue.call.rawValue))
    }

    /// The driver's handshake: DEVICE_READY, then PORT_READY for each port; the messages to the guest wait in the ring.
    func startDriver() throws {
        try guest.offerControlBuffers()
        try guest.sendDeviceReady()
        try settle()
        for told in guest.takeControl() {
            #expect(told.event == 1)
            try guest.sendPortReady(told.port)
            try settle()
        }
        try guest.offerControlBuffers()
        try settle()
    }

    /// A booted guest that has port 1 open with buffers for it, and a client that is connected: the messages about that
    /// are taken.
    static func connected(
        _ port: PortConfiguration = .port(), features: UInt64 = DeviceLoopFixture.features
    ) throws -> (fixture: DeviceLoopFixture, client: HostClient) {
        let fixture = try DeviceLoopFixture([port], features: features)
        try fixture.boot()
        let client = try fixture.connect(port.number)
        try fixture.open(port.number)
        _ = fixture.takeControl()
        return (fixture, client)
    }

    /// A program in the guest opens a port.
    func open(_ port: Int) throws {
        try guest.offerBuffers(port: port)
        try guest.sendOpen(port)
        try settle()
    }

    /// The messages since the last call, with new buffers for the next ones.
    func takeControl() -> [TestGuest.Told] {
        let told = guest.takeControl()
        try? guest.offerControlBuffers()
        try? settle()
        return told + guest.takeControl()
    }

    // MARK: Stopping

    /// The VM is paused, reset, or its driver unbound: they look the same on the wire.
    func stopRings() throws {
        for queue in guest.queues { try demand(.setVringEnable(UInt32(queue.index), 0)) }
        for queue in guest.queues { try stop(queue) }
    }

    /// GET_VRING_BASE; the answer is what the ring goes on at.
    @discardableResult
    func stop(_ queue: GuestQueue) throws -> UInt32 {
        let answer = try #require(try say(.getVringBase(UInt32(queue.index))))
        try #require(answer.payload.count == 8)
        let (index, base): (UInt32, UInt32) = (unpack(Array(answer.payload[..<4])), unpack(Array(answer.payload[4...])))
        #expect(index == UInt32(queue.index))
        bases[queue.index] = base
        return base
    }

    /// Starts one ring again, at its base.
    func restart(_ queue: GuestQueue) throws {
        try configure(queue)
        try demand(.setVringEnable(UInt32(queue.index), 1))
    }

    /// The guest is reset and its driver starts anew.
    func rebootGuest() throws {
        try stopRings()
        guest.reset()
        bases = Array(repeating: TestRings.freshBase, count: bases.count)
        try startRings()
        try startDriver()
    }
}

extension FakeRegion {
    init(_ region: TestMemory.Region) {
        self.init(
            guestBase: region.guestBase, byteCount: region.byteCount, userBase: region.userBase,
            fileOffset: region.fileOffset)
    }
}
