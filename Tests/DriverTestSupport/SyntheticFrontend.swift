import CLinux
import Glibc
package import LinuxIO
import MachineTestSupport
package import VirtioTestSupport

/// The front-end of a vhost-user connection, without a VM: it hands our driver's memory and rings to the daemon.
///
/// Let go of, it is gone without a word, as a killed QEMU is.
package struct SyntheticFrontend: ~Copyable {
    /// The connection, for what a good front-end does not do.
    package let frontend: FakeFrontend
    private let call: OwnedFileDescriptor
    private let error: OwnedFileDescriptor

    /// VHOST_USER_F_PROTOCOL_FEATURES, which is no feature of virtio.
    private static let protocolFeatures: UInt64 = 1 << 30
    /// A packed ring begins with both positions at 0 and both wrap counters at 1.
    private static let packedBase: UInt32 = 0x8000_8000

    /// The eventfd of all interrupts, for counting them; borrowed.
    package var callDescriptor: Int32 { call.rawValue }
    /// The eventfd that tells of a broken ring, of all queues; borrowed.
    package var errorDescriptor: Int32 { error.rawValue }

    /// Lets every queue of `driver` run.
    package static func started(
        _ stream: consuming UnixStream, memory file: Int32, driver: GuestDriver
    ) throws -> SyntheticFrontend {
        let frontend = SyntheticFrontend(stream, call: try makeEvent(), error: try makeEvent())
        try frontend.negotiate(driver.layout)
        try frontend.attach(memory: file, driver: driver)
        return frontend
    }

    private init(
        _ stream: consuming UnixStream, call: consuming OwnedFileDescriptor, error: consuming OwnedFileDescriptor
    ) {
        frontend = FakeFrontend(stream)
        self.call = call
        self.error = error
    }

    private func negotiate(_ layout: GuestDriver.Layout) throws {
        let offered = try ask(.getFeatures)
        let wanted = GuestDriver.features(layout)
        guard offered & wanted == wanted else {
            throw Failure("the daemon offers only 0x\(String(offered, radix: 16))")
        }
        let protocolFeatures = try ask(.getProtocolFeatures)
        guard protocolFeatures & 1 << 21 != 0 else { throw Failure("the daemon has no GPA_ADDRESSES") }
        try tell(.setProtocolFeatures(protocolFeatures))
        try tell(.setOwner)
        try tell(.setFeatures(wanted | Self.protocolFeatures))
    }

    /// Gives the daemon memory, and lets the driver's queues run in it.
    package func attach(memory file: Int32, driver: GuestDriver) throws {
        try order(.addMemReg(Self.region(driver), file))
        let queues = driver.queues
        for (index, queue) in queues {
            let kick = try Self.makeEvent()
            let areas = queue.ring.areas
            try tell(.setVringNum(UInt32(index), UInt32(queue.ring.size)))
            try tell(.setVringBase(UInt32(index), driver.layout == .packed ? Self.packedBase : 0))
            try tell(
                .setVringAddr(
                    UInt32(index), descriptors: areas.descriptors, used: areas.device, available: areas.driver))
            try order(.setVringErr(UInt64(index), error.rawValue))
            try order(.setVringKick(UInt64(index), kick.rawValue))
            queue.takeKick(kick)
            try order(.setVringCall(UInt64(index), call.rawValue))
        }
        for (index, _) in queues { try order(.setVringEnable(UInt32(index), 1)) }
    }

    /// Stops the driver's queues, and takes its memory away.
    package func detach(driver: GuestDriver) throws {
        for (index, _) in driver.queues {
            try order(.setVringEnable(UInt32(index), 0))
            _ = try ask(.getVringBase(UInt32(index)))
        }
        try order(.remMemReg(Self.region(driver)))
    }

    private static func region(_ driver: GuestDriver) -> FakeRegion {
        FakeRegion(guestBase: 0, byteCount: UInt64(driver.memory.byteCount))
    }

    private static func makeEvent() throws -> OwnedFileDescriptor {
        let number = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard number >= 0 else { throw Failure("eventfd: errno \(errno)") }
        return OwnedFileDescriptor(adopting: number)
    }

    /// Sends what has no answer.
    private func tell(_ message: FakeMessage) throws { try frontend.send(message) }

    /// Sends, and waits for the acknowledgement.
    private func order(_ message: FakeMessage) throws {
        guard try ask(message.needingReply) == 0 else { throw Failure("request \(message.request) was refused") }
    }

    /// Sends, and waits for an answer of one number.
    package func ask(_ message: FakeMessage) throws -> UInt64 {
        try frontend.send(message)
        guard let value = try frontend.receive().value else { throw Failure("a wrong answer from the daemon") }
        return value
    }
}
