import CSystemCallFaults
import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// A session from its first message to its last, in which one system call of the loop fails.
///
/// Whatever is refused for that is said here, and none of it ends the script: a front-end and a client that are turned
/// away go on as best they can.
final class SweptSession {
    private let fixture: DeviceLoopFixture
    private var client: HostClient?

    /// Whether everything was obeyed, and every byte arrived.
    private(set) var wasSmooth = true

    init(_ fixture: DeviceLoopFixture) {
        self.fixture = fixture
    }

    private func note(_ isSmooth: Bool) { wasSmooth = wasSmooth && isSmooth }

    /// Has the loop's turns, and nothing else, meet the fault.
    private func serve() throws {
        system_call_faults_pause(0)
        defer { system_call_faults_pause(1) }
        // A call that was interrupted makes a turn that found nothing; two in a row are rest.
        for _ in 0..<3 { try fixture.settle() }
    }

    private func say(_ message: FakeMessage) throws {
        do {
            try fixture.frontend.wire.send(message.needingReply)
        } catch {
            return note(false)
        }
        try serve()
        guard !fixture.frontend.isQuiet, let answer = try? fixture.frontend.wire.receive() else { return note(false) }
        note(message.expectsAnswer || answer.value == 0)
        while !fixture.frontend.isQuiet, (try? fixture.frontend.wire.receive()) != nil { note(false) }
    }

    /// Start, handshake, a client, bytes both ways, and the end.
    ///
    /// - Returns: how many calls could have failed.
    func run(_ fault: system_call_fault, number: UInt32) throws -> UInt32 {
        system_call_faults_begin(fault, number)
        do {
            defer { system_call_faults_pause(1) }
            try fixture.connectFrontendUnserved()
            try serve()
            try start()
            try shakeHands()
            try talk()
            try end()
        }
        return system_call_faults_end()
    }

    private func start() throws {
        // Obeyed, it is answered: REPLY_ACK is one of them.
        try say(.setProtocolFeatures(DeviceLoopFixture.protocolFeatures))
        let guest = fixture.guest
        try say(.setFeatures(DeviceLoopFixture.features | 1 << 30))
        try say(.setMemTable([FakeRegion(guest.memory.regions[0])], descriptors: [guest.memory.file.rawValue]))
        for queue in guest.queues {
            let (index, addresses) = (UInt32(queue.index), queue.ring.userAddresses)
            try say(.setVringNum(index, UInt32(queue.ring.size)))
            try say(.setVringBase(index, TestRings.freshBase))
            try say(
                .setVringAddr(
                    index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                    available: addresses.availableRing))
            try say(.setVringKick(UInt64(index), queue.kick.rawValue))
            try say(.setVringCall(UInt64(index), queue.call.rawValue))
            try say(.setVringEnable(index, 1))
        }
    }

    private func shakeHands() throws {
        let guest = fixture.guest
        try guest.offerControlBuffers()
        try guest.sendDeviceReady()
        try serve()
        note(guest.takeControl() == [.add(1)])
        try guest.sendPortReady(1)
        try serve()
        try guest.offerBuffers(port: 1)
        try guest.sendOpen(1)
        try serve()
    }

    private func talk() throws {
        let address = try fixture.address(of: 1)
        let client = try HostClient(connectingTo: address)
        self.client = client
        try serve()
        let (toHost, toGuest) = (pattern(9000), pattern(7000, from: 3))
        for start in stride(from: 0, to: toHost.count, by: 3000) {
            try fixture.guest.write(Array(toHost[start..<start + 3000]), port: 1)
        }
        client.send(toGuest)
        try serve()
        try serve()
        let (received, read) = (client.receive(), fixture.guest.read(port: 1))
        note(received == toHost && read == toGuest)
        // What arrives is never wrong.
        expectEqual(received, Array(toHost.prefix(received.count)))
        expectEqual(read, Array(toGuest.prefix(read.count)))
    }

    private func end() throws {
        client?.close()
        try serve()
        for queue in fixture.guest.queues { try say(.getVringBase(UInt32(queue.index))) }
        fixture.frontend.wire.close()
        try serve()
    }
}
