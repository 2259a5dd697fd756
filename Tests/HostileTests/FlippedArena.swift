import Glibc
import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Both rings of port 1 in the hands of another process, and secrets wherever no buffer of theirs can lie.
///
/// Buffers lie in the middle of a part of memory; an indirect table among them can be overwritten by what the client
/// sends, so that is chosen to make no address that leads out of it.
final class FlippedArena {
    private static let secret: UInt8 = 0xC5
    /// As an address it is nowhere, and as the low half of one still near the buffers.
    private static let sentByte: UInt8 = 0xEE

    private let scene: HostileScene
    private let first: UInt64
    private let last: UInt64
    /// Guest addresses that nobody may read or write.
    private let secrets: [Range<UInt64>]
    private var turnCount = 0
    private(set) var sentByteCount = 0
    private(set) var receivedByteCount = 0
    private(set) var renewalCount = 0

    init(_ scene: HostileScene) throws {
        self.scene = scene
        // Of the guest's own buffers nothing is left to be found in the tables.
        for queue in [scene.transmitq, scene.receiveq] {
            scene.guest.memory.write([UInt8](repeating: 0, count: 0x1_0000), at: queue.ring.descriptorBase)
            try scene.renew(queue)
        }
        let ends = scene.guest.queues.map { $0.ring.descriptorBase }
        let (own, other) = (ends[scene.transmitq.index], ends[scene.receiveq.index])
        (first, last) = (own + 0x4_0000, own + 0x8_0000)
        // Behind the rings of port 0, behind the receiveq, and on both sides of the buffers.
        secrets = [
            ends[0] + 0x1_0000..<ends[1], ends[1] + 0x1_0000..<ends[2], other + 0x1_0000..<other + 0x10_0000,
            own + 0x1_0000..<own + 0x2_0000, own + 0xE_0000..<own + 0x10_0000,
        ]
        for secret in secrets {
            scene.guest.memory.write([UInt8](repeating: Self.secret, count: secret.count), at: secret.lowerBound)
        }
    }

    /// For how long: VHOST_USER_SERIAL_FLIP_SECONDS, or ten seconds.
    private static var seconds: Int {
        unsafe getenv("VHOST_USER_SERIAL_FLIP_SECONDS").flatMap { unsafe Int(String(cString: $0)) } ?? 10
    }

    /// How many fields must have been changed: far less than a processor does, for a machine that is busy.
    static var leastFlipCount: Int { 100_000 * seconds }

    func start() throws -> HostileGuestProgram {
        let queues = [scene.transmitq, scene.receiveq]
        let rings = queues.enumerated().flatMap { index, queue in
            ["\(queue.ring.descriptorBase)", "\(HostileGuestProgram.number(of: index))"]
        }
        return try HostileGuestProgram(
            memory: scene.guest.memory,
            [
                "flip", TestRings.arePacked ? "packed" : "split", "\(scene.transmitq.ring.size)",
                "\(1000 * Self.seconds)",
                "\(first)", "\(last)", "\(secrets[2].lowerBound)",
            ] + rings, events: queues.map { $0.kick.rawValue })
    }

    /// Some turns of the loop, with everybody else at work.
    func serve() throws {
        turnCount += 1
        sentByteCount += max(0, scene.victim.send([UInt8](repeating: Self.sentByte, count: 500)))
        try scene.fixture.loop.turn(timeoutMilliseconds: 0)
        let bytes = scene.victim.receive()
        receivedByteCount += bytes.count
        expectNoSecret(in: bytes)
        for queue in [scene.transmitq, scene.receiveq] where !scene.fixture.isRunning(queue) { try renew(queue) }
        if turnCount % 50 == 0 { try expectBystanderLives() }
    }

    /// The front-end starts a broken ring again.
    private func renew(_ queue: GuestQueue) throws {
        renewalCount += 1
        let index = UInt32(queue.index)
        _ = try ask(.getVringBase(index))
        // What the other process takes for the device's place is that of a new ring again.
        if !TestRings.arePacked { scene.guest.memory.store(UInt16(0), at: queue.splitDriver.usedRing + 2) }
        for message in [
            FakeMessage.setVringBase(index, TestRings.freshBase), .setVringKick(UInt64(index), queue.kick.rawValue),
            .setVringEnable(index, 1),
        ] {
            #expect(try ask(message.needingReply).value == 0)
        }
    }

    /// Rings that are kicked all the time never let the loop rest: it turns until the answer is there.
    private func ask(_ message: FakeMessage) throws -> FakeFrontend.Answer {
        try scene.fixture.frontend.wire.send(message)
        var turnCount = 0
        while scene.fixture.frontend.isQuiet, turnCount < 1000 {
            try scene.fixture.loop.turn(timeoutMilliseconds: 0)
            turnCount += 1
        }
        return try scene.fixture.frontend.wire.receive(timeoutMilliseconds: 0)
    }

    private func expectBystanderLives() throws {
        let guest = scene.guest
        try guest.offerBuffers(port: 2)
        try guest.write(pattern(100, from: turnCount), port: 2)
        scene.bystander.send(pattern(50, from: turnCount))
        var (toHost, toGuest): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<1000 where toHost.count < 100 || toGuest.count < 50 {
            try scene.fixture.loop.turn(timeoutMilliseconds: 0)
            toHost += scene.bystander.receive()
            toGuest += guest.read(port: 2)
        }
        expectEqual(toHost, pattern(100, from: turnCount))
        expectEqual(toGuest, pattern(50, from: turnCount))
    }

    private func expectNoSecret(in bytes: [UInt8]) {
        // Random bytes of tables have short runs of it. One that is longer holds one of these places; to look at each byte
        // would take the time that the rings need.
        let longest = 12
        for place in stride(from: longest - 1, to: bytes.count, by: longest) where bytes[place] == Self.secret {
            let before = bytes[..<place].reversed().prefix { $0 == Self.secret }.count
            let run = before + bytes[place...].prefix { $0 == Self.secret }.count
            if run >= longest {
                Issue.record("the client got \(run) bytes of a secret")
                return
            }
        }
    }

    func expectSecretsUntouched() {
        for secret in secrets {
            let bytes = scene.guest.memory.read(secret.count, at: secret.lowerBound)
            expectEqual(bytes, [UInt8](repeating: Self.secret, count: secret.count))
        }
    }
}
