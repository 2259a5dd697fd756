import Glibc
import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// A guest that works at the same time as the device, as real ones do.
///
/// In processes of their own: what another test has open or maps would be counted, too. The loop's turns are bounded by
/// what it is waited for, never by time.
@Suite("Concurrent guests", .serialized)
struct ConcurrentGuestTests {
    @Test("CVE-2026-86848, CVE-2020-14375, CVE-2026-93683: a field is read twice, and changes in between")
    func fieldsThatChangeAllTheTimeHarmNobody() async {
        let result = await #expect(processExitsWith: .success, observing: [\.standardOutputContent]) {
            // Small rings: the fewer descriptors there are, the more often one changes while it is read.
            let scene = try HostileScene(ringSize: 8)
            let arena = try FlippedArena(scene)
            let openCount = ProcessFigures.openFileCount
            let program = try arena.start()
            while !program.hasEnded { try arena.serve() }
            #expect(program.hasSucceeded)
            let flipCount = try #require(Int(program.output.prefix { $0.isNumber }))
            print("\(flipCount) fields flipped, \(arena.renewalCount) rings broken")
            #expect(flipCount >= FlippedArena.leastFlipCount)
            arena.expectSecretsUntouched()
            // What is no memory was never passed on to a system call, as an address that is read twice would be.
            #expect(!scene.fixture.lines.contains { $0.contains("guest memory went away") })
            // The flipped rings were really served, and really broken.
            #expect(arena.sentByteCount > 1000)
            #expect(arena.receivedByteCount > 1000)
            #expect(arena.renewalCount > 10)
            #expect(ProcessFigures.openFileCount == openCount)
            try scene.startOver()
            try scene.expectVictimLives()
            try scene.expectBystanderLives()
        }
        // How much was tried; scripts/soak shows it.
        print(String(decoding: result?.standardOutputContent ?? [], as: UTF8.self), terminator: "")
    }

    /// Also what RUSTSEC-2020-0157 is about: every 256th index would be seen torn.
    @Test("vimto #29, RUSTSEC-2020-0157: a notification is lost, or half an index is read")
    func guestIsNeverLeftWaiting() async {
        await #expect(processExitsWith: .success) { try Self.drive(chainCount: 150_000, pause: 12_000) }
    }

    /// What begins just before 2^16 passes it once. This begins at 0 and passes it six times, in strides of its own.
    @Test("vm-virtio #196: chains are served twice when an index passes 2^16 again and again")
    func indexesThatWrapManyTimesServeEachChainOnce() async {
        await #expect(processExitsWith: .success) { try Self.drive(chainCount: 6 * 65_536 + 100, pause: 0) }
    }

    /// Has a driver that keeps every rule send one byte in each chain: each arrives once and in order. It offers as many as
    /// the ring holds at once, or one after the other with pauses of up to so many steps.
    private static func drive(chainCount: Int, pause: Int) throws {
        let scene = try HostileScene()
        let queue = scene.transmitq
        try scene.renew(queue)
        let program = try HostileGuestProgram(
            memory: scene.guest.memory,
            [
                "drive", TestRings.arePacked ? "packed" : "split", "\(queue.ring.size)", "\(chainCount)",
                "\(queue.ring.descriptorBase)", "\(queue.ring.allocate(64))",
                "\(HostileGuestProgram.number(of: 0))",
                "\(HostileGuestProgram.number(of: 1))", "\(pause)",
            ], events: [queue.kick.rawValue, queue.call.rawValue])
        var received: [UInt8] = []
        while !program.hasEnded {
            try scene.fixture.loop.turn(timeoutMilliseconds: 20)
            received += scene.victim.receive()
        }
        #expect(program.hasSucceeded)
        let isRunning = scene.fixture.isRunning(queue)
        #expect(isRunning)
        try scene.fixture.settle()
        received += scene.victim.receive()
        expectEqual(received, (0..<chainCount).map { UInt8($0 % queue.ring.size) })
        try scene.expectBystanderLives()
    }
}
