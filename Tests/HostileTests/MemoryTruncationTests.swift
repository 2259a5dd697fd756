import Glibc
import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// A front-end that takes guest memory away while rings run: a file that is not sealed can be truncated by whoever has
/// it. Each page that is touched then raises SIGBUS.
@Suite("Truncated guest memory")
struct MemoryTruncationTests {
    /// When memory goes, seen from the ring that meets it first.
    enum Stage: CaseIterable {
        case beforeTheKick, whileServing, controlQueue
    }

    /// The front-end truncates the file; everybody goes on working.
    private static func truncate(_ scene: HostileScene, at stage: Stage) throws {
        let memory = scene.guest.memory
        switch stage {
        case .beforeTheKick:
            try memory.file.resize(toByteCount: 0)
            try scene.transmitq.kick.signal()
        case .whileServing:
            // Half of what the guest wrote is with a client that is slow, and half of a chain is, too.
            try scene.fixture.shrinkBuffer(port: 1)
            for _ in 0..<5 { try scene.guest.write(pattern(3000), port: 1) }
            try scene.fixture.settle()
            try memory.file.resize(toByteCount: 0)
            _ = scene.victim.receive()
        case .controlQueue:
            try memory.file.resize(toByteCount: 0)
            try scene.guest.controlTransmitq.kick.signal()
        }
        scene.victim.send(pattern(10))
        try scene.fixture.settle()
        for queue in scene.guest.queues { try queue.kick.signal() }
        try scene.fixture.settle()
    }

    /// The file has its size again, with nothing in it, and the guest begins anew in it.
    private static func restore(_ scene: HostileScene) throws {
        let region = scene.guest.memory.regions[0]
        try scene.guest.memory.file.resize(toByteCount: region.fileOffset + region.byteCount)
        try scene.startOver()
    }

    @Test("front-end and clients stay, and the front-end is said to be at fault, once", arguments: Stage.allCases)
    func everythingButTheRingsLives(stage: Stage) throws {
        let scene = try HostileScene()
        try Self.truncate(scene, at: stage)
        #expect(scene.fixture.runningCount == 0)
        for queue in scene.guest.queues { #expect(try queue.isReportedBroken()) }
        #expect(!scene.victim.isAtEnd)
        #expect(!scene.bystander.isAtEnd)
        #expect(try scene.fixture.say(.getFeatures)?.value != nil)
        #expect(try !scene.fixture.takeTurn())
        let lines = scene.fixture.lines.filter { $0.contains("guest memory went away") }
        #expect(lines.count == 1)
        #expect(lines.allSatisfy { $0.contains("the front-end is at fault") })
        #expect(!scene.fixture.lines.contains { $0.contains("broken by the guest") })
        try Self.restore(scene)
        try scene.expectVictimLives()
        try scene.expectBystanderLives()
    }

    @Test("a new table heals the rings, where they stood", arguments: [true, false])
    func newTableHeals(isWhole: Bool) throws {
        let scene = try HostileScene()
        let memory = scene.guest.memory
        let region = FakeRegion(memory.regions[0])
        let end = memory.regions[0].fileOffset + memory.regions[0].byteCount
        // A copy of what the guest had, as a front-end would have that puts the memory back.
        let copy = memory.read(Int(region.byteCount), at: region.guestBase)
        try memory.file.resize(toByteCount: 0)
        try scene.transmitq.kick.signal()
        try scene.fixture.settle()
        #expect(scene.fixture.runningCount == 0)
        try memory.file.resize(toByteCount: end)
        memory.write(copy, at: region.guestBase)
        // Memory that is added beside what is gone does not bring that back.
        let more = try OwnedFileDescriptor.memory(named: "more", byteCount: 4096)
        try scene.fixture.demand(
            .addMemReg(FakeRegion(guestBase: 1 << 40, byteCount: 4096, userBase: 1 << 41), more.rawValue))
        #expect(scene.fixture.runningCount == 0)
        if isWhole {
            try scene.fixture.demand(.setMemTable([region], descriptors: [memory.file.rawValue]))
        } else {
            try scene.fixture.demand(.remMemReg(region))
            try scene.fixture.demand(.addMemReg(region, memory.file.rawValue))
        }
        #expect(scene.fixture.runningCount == scene.guest.queues.count)
        try scene.expectVictimLives()
        try scene.expectBystanderLives()
        // And it is said again when it happens again.
        try memory.file.resize(toByteCount: 0)
        try scene.transmitq.kick.signal()
        try scene.fixture.settle()
        #expect(scene.fixture.lines.count { $0.contains("guest memory went away") } == 2)
    }

    @Test("1000 truncations, at every stage")
    func aThousandTruncations() async {
        await #expect(processExitsWith: .success) {
            let scene = try HostileScene()
            var openCount = 0
            for round in 0..<1000 {
                try Self.truncate(scene, at: Stage.allCases[round % Stage.allCases.count])
                #expect(scene.fixture.runningCount == 0)
                try Self.restore(scene)
                if round == 10 { openCount = ProcessFigures.openFileCount }
            }
            try scene.expectVictimLives()
            try scene.expectBystanderLives()
            #expect(ProcessFigures.openFileCount == openCount)
            #expect(mappingCount(of: scene.guest.memory.file.rawValue) == 2)
        }
    }

    /// F_SEAL_SHRINK, which QEMU's memory-backend-memfd sets: nobody can truncate such a file, so nothing can fault.
    @Test func sealedMemoryCannotGo() throws {
        let scene = try HostileScene()
        let memory = scene.guest.memory
        // F_ADD_SEALS and F_SEAL_SHRINK, which Glibc's module leaves out.
        try #require(fcntl(memory.file.rawValue, 1033, 2) == 0)
        #expect(throws: SystemError.self) { try memory.file.resize(toByteCount: 0) }
        try scene.expectVictimLives()
    }
}
