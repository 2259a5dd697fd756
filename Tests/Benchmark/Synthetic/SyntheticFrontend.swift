import CLinux
import Glibc
import LinuxIO
import VirtioTestSupport

/// The front-end of a vhost-user connection, without a VM: it hands our driver's memory and rings to the daemon.
struct SyntheticFrontend: ~Copyable {
    private let frontend: FakeFrontend
    private let call: OwnedFileDescriptor

    /// VHOST_USER_F_PROTOCOL_FEATURES, which is no feature of virtio.
    private static let protocolFeatures: UInt64 = 1 << 30
    /// A packed ring begins with both positions at 0 and both wrap counters at 1.
    private static let packedBase: UInt32 = 0x8000_8000

    /// The eventfd of all interrupts, for counting them; borrowed.
    var callDescriptor: Int32 { call.rawValue }

    /// Lets every queue of `driver` run.
    static func started(
        _ stream: consuming UnixStream, memory file: Int32, driver: GuestDriver
    ) throws -> SyntheticFrontend {
        let frontend = SyntheticFrontend(stream, try makeEvent())
        try frontend.start(memory: file, driver: driver)
        return frontend
    }

    private init(_ stream: consuming UnixStream, _ call: consuming OwnedFileDescriptor) {
        frontend = FakeFrontend(stream)
        self.call = call
    }

    private func start(memory file: Int32, driver: GuestDriver) throws {
        let offered = try ask(.getFeatures)
        let wanted = GuestDriver.features(driver.layout)
        guard offered & wanted == wanted else {
            throw BenchmarkError("the daemon offers only 0x\(String(offered, radix: 16))")
        }
        let protocolFeatures = try ask(.getProtocolFeatures)
        guard protocolFeatures & 1 << 21 != 0 else { throw BenchmarkError("the daemon has no GPA_ADDRESSES") }
        try tell(.setProtocolFeatures(protocolFeatures))
        try tell(.setOwner)
        try tell(.setFeatures(wanted | Self.protocolFeatures))
        let region = FakeRegion(guestBase: 0, byteCount: UInt64(driver.memory.byteCount))
        try order(.addMemReg(region, file))
        let queues = driver.queues
        for (index, queue) in queues {
            let kick = try Self.makeEvent()
            let areas = queue.ring.areas
            try tell(.setVringNum(UInt32(index), UInt32(queue.ring.size)))
            try tell(.setVringBase(UInt32(index), driver.layout == .packed ? Self.packedBase : 0))
            try tell(
                .setVringAddr(
                    UInt32(index), descriptors: areas.descriptors, used: areas.device, available: areas.driver))
            try order(.setVringKick(UInt64(index), kick.rawValue))
            queue.takeKick(kick)
            try order(.setVringCall(UInt64(index), call.rawValue))
        }
        for (index, _) in queues { try order(.setVringEnable(UInt32(index), 1)) }
    }

    private static func makeEvent() throws -> OwnedFileDescriptor {
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw BenchmarkError("eventfd: errno \(errno)") }
        return OwnedFileDescriptor(adopting: number)
    }

    /// Sends what has no answer.
    private func tell(_ message: FakeMessage) throws { try frontend.send(message) }

    /// Sends, and waits for the acknowledgement.
    private func order(_ message: FakeMessage) throws {
        guard try ask(message.needingReply) == 0 else { throw BenchmarkError("request \(message.request) was refused") }
    }

    private func ask(_ message: FakeMessage) throws -> UInt64 {
        try frontend.send(message)
        guard let value = try frontend.receive().value else { throw BenchmarkError("a wrong answer from the daemon") }
        return value
    }
}
