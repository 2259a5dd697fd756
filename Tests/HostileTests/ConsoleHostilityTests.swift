import BasicContainers
import Glibc
import LinuxIO
import Testing
import Virtio
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Bugs that guests and clients found in other consoles and serial ports.
@Suite("Hostile guests and clients")
struct ConsoleHostilityTests {
    @Test("CVE-2015-5745: a control message overflows the guest's small buffer", arguments: 0...7)
    func controlBufferThatIsTooSmallGetsNothing(byteCount: Int) throws {
        let scene = try HostileScene()
        let queue = scene.guest.controlReceiveq
        try scene.renew(queue)
        let canary = queue.ring.allocate(64)
        queue.ring.memory.store([UInt8](repeating: 0xaa, count: 64), at: canary)
        queue.ring.offer([.init(address: canary + 16, length: UInt32(byteCount), flags: MockDriver.write)])
        scene.bystander.close()
        try queue.kick.signal()
        try scene.fixture.settle()
        #expect(queue.ring.takeUsedEntries().allSatisfy { $0.length == 0 })
        #expect(queue.ring.memory.load(byteCount: 64, at: canary) == [UInt8](repeating: 0xaa, count: 64))
        // The message was neither cut nor lost.
        try scene.renew(queue)
        try scene.guest.offerControlBuffers()
        try scene.fixture.settle()
        #expect(scene.guest.takeControl() == [.open(2, false)])
        try scene.expectVictimLives()
    }

    @Test("CVE-2015-5745: a port's name is longer than the guest's buffer")
    func nameThatDoesNotFitIsNotCut() throws {
        let name = String(repeating: "n", count: 60)
        let fixture = try DeviceLoopFixture([.port(name)])
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.startRings()
        let queue = fixture.guest.controlReceiveq
        for _ in 0..<2 { queue.offer(67) }
        try queue.kick.signal()
        try fixture.guest.sendDeviceReady()
        try fixture.settle()
        #expect(fixture.guest.takeControl() == [.add(1)])
        try fixture.guest.sendPortReady(1)
        try fixture.settle()
        // One byte short: the ring is the guest's fault, and the name is still owed.
        #expect(fixture.guest.takeControl() == [])
        #expect(try queue.isReportedBroken())
        try fixture.stop(queue)
        queue.reset()
        fixture.bases[queue.index] = TestRings.freshBase
        try fixture.restart(queue)
        queue.offer(68)
        try queue.kick.signal()
        try fixture.settle()
        #expect(fixture.guest.takeControl() == [.name(1, name)])
    }

    @Test("CVE-2024-3446: a buffer lies in what the device itself writes", arguments: 0...2)
    func buffersInTheRingItselfCostTheirRingAtMost(area: Int) throws {
        let scene = try HostileScene()
        let queue = scene.receiveq
        try scene.renew(queue)
        let addresses = queue.ring.userAddresses
        let region = scene.guest.memory.regions[0]
        let user = [addresses.descriptorTable, addresses.availableRing, addresses.usedRing][area]
        let guest = user - region.userBase + region.guestBase
        // What the client sends becomes descriptors and indexes.
        for _ in 0..<8 { queue.ring.offer([.init(address: guest, length: 200, flags: MockDriver.write)]) }
        for byte in [0xff, 0x00, 0x7f, 0x02] as [UInt8] {
            scene.victim.send([UInt8](repeating: byte, count: 200))
            try queue.kick.signal()
            try scene.fixture.settle()
            try scene.expectBystanderLives()
        }
        // And a guest that sends its own rings.
        let transmitq = scene.transmitq
        transmitq.ring.offer([.init(address: transmitq.ring.descriptorBase, length: 2000)])
        try transmitq.kick.signal()
        try scene.fixture.settle()
        #expect(scene.victim.receive().count == 2000)
        _ = transmitq.ring.takeUsedEntries()
        while scene.fixture.loop.endpoints[1].unreadByteCount > 0, scene.receiveq.ring.size > 0 {
            try scene.renew(queue)
            try scene.guest.offerBuffers(port: 1)
            try scene.fixture.settle()
            _ = scene.guest.read(port: 1)
        }
        try scene.renew(queue)
        try scene.expectVictimLives()
    }

    @Test("CVE-2021-38160: the used length says more than was written", arguments: 1...4 as ClosedRange<UInt64>)
    func usedLengthsAreTheBytesThatWereWritten(seed: UInt64) throws {
        let scene = try HostileScene()
        var random = SeededGenerator(seed: seed)
        let queue = scene.receiveq
        let memory = scene.guest.memory
        try scene.renew(queue)
        var (sent, found): (Int, Int) = (0, 0)
        for _ in 0..<100 {
            // Buffers with a canary behind each, filled in part.
            let byteCounts = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                Int.random(in: 0...300, using: &random)
            }
            let places = byteCounts.map { byteCount in
                let place = queue.ring.allocate(byteCount + 16)
                memory.store([UInt8](repeating: 0xaa, count: byteCount + 16), at: place)
                return place
            }
            queue.ring.offer(
                zip(places, byteCounts).map { .init(address: $0, length: UInt32($1), flags: MockDriver.write) })
            if queue.ring.nextBuffer > queue.ring.descriptorBase + GuestQueue.byteCount / 2 {
                queue.ring.nextBuffer = queue.ring.descriptorBase + 0x4000
            }
            let count = Int.random(in: 1...400, using: &random)
            let bytes = pattern(count, from: sent)
            sent += scene.victim.send(bytes)
            try queue.kick.signal()
            try scene.fixture.settle()
            let used = queue.ring.takeUsedEntries()
            #expect(used.count == 1)
            var left = Int(used.first?.length ?? 0)
            for (place, byteCount) in zip(places, byteCounts) {
                let written = min(left, byteCount)
                expectEqual(memory.load(byteCount: written, at: place), pattern(written, from: found))
                let behind = byteCount - written + 16
                expectEqual(
                    memory.load(byteCount: behind, at: place + UInt64(written)), [UInt8](repeating: 0xaa, count: behind)
                )
                (left, found) = (left - written, found + written)
            }
            #expect(left == 0)
        }
        try scene.guest.offerBuffers(port: 1)
        try scene.fixture.settle()
        #expect(found + scene.guest.read(port: 1).count == sent)
    }

    @Test("QEMU #3801, #3802: numbers in a migration stream are believed", arguments: [42, 43] as [UInt32])
    func deviceStateIsRefused(request: UInt32) throws {
        let scene = try HostileScene()
        let state = try OwnedFileDescriptor.memory(named: "state", byteCount: 4096)
        for (direction, phase) in [(0, 0), (1, 0), (0, 1), (UInt32.max, UInt32.max)] as [(UInt32, UInt32)] {
            for count in 0...9 {
                var message = FakeMessage(request, pack(direction) + pack(phase))
                if request == 43 { message.payload = [] }
                #expect(try !scene.isObeyed(message.bringing(state.rawValue, count: count)))
            }
        }
        #expect(openCount(of: state.rawValue) == 1)
        // DEVICE_STATE is not offered.
        #expect(try scene.fixture.say(.getProtocolFeatures)?.value.map { $0 & 1 << 19 } == 0)
        try scene.expectVictimLives()
    }

    @Test(
        "hvisor-tool #121, CubeSandbox #1779, ACRN #3189, cloud-hypervisor #3170: a client that does not read loses bytes, or stops others"
    )
    func slowAndAbsentClientsLoseNothingAndStopNobody() throws {
        let scene = try HostileScene()
        try scene.fixture.shrinkBuffer(port: 1)
        let bytes = pattern(60_000)
        for start in stride(from: 0, to: bytes.count, by: 3000) {
            try scene.guest.write(Array(bytes[start..<start + 3000]), port: 1)
            try scene.fixture.settle()
            try scene.expectBystanderLives()
        }
        #expect(scene.transmitq.unusedByteCount > 30_000)
        // Byte by byte at first, then all.
        var received: [UInt8] = []
        for _ in 0..<100 {
            received += scene.victim.receive(atMost: 1)
            try scene.fixture.settle()
        }
        received += try scene.fixture.readAll(scene.victim)
        expectEqual(received, bytes)
        // Nobody is there: the guest is held back, and the next client gets what it wrote.
        scene.victim.close()
        try scene.fixture.settle()
        try scene.guest.write(pattern(100), port: 1)
        try scene.fixture.settle()
        #expect(scene.transmitq.unusedByteCount == 100)
        try scene.expectBystanderLives()
        let next = try scene.fixture.connect(1)
        expectEqual(next.receive(), pattern(100))
    }

    @Test("vhost-device #601: bytes of the guest are taken for UTF-8")
    func everyByteIsJustAByte() throws {
        let scene = try HostileScene()
        let bytes: [UInt8] = (0...UInt8.max).flatMap { [$0, 0xc3, 0x28, 0xff, 0xfe, 0] as [UInt8] }
        try scene.guest.write(bytes, port: 1)
        scene.victim.send(bytes)
        try scene.fixture.settle()
        expectEqual(scene.victim.receive(), bytes)
        expectEqual(scene.guest.read(port: 1), bytes)
        // Control messages too, names among them; none may reach the log as it is.
        let logged = scene.fixture.lines.count
        for event in UInt16(0)...8 where ![0, 3, 6].contains(event) {
            scene.guest.controlTransmitq.reap()
            scene.guest.controlTransmitq.write(pack(UInt32(1)) + pack(event) + pack(UInt16(1)) + bytes)
            try scene.guest.controlTransmitq.kick.signal()
            try scene.fixture.settle()
        }
        let lines = scene.fixture.lines.dropFirst(logged)
        #expect(lines.contains { $0.contains("made no sense") })
        #expect(lines.allSatisfy { $0.utf8.allSatisfy { (0x20..<0x7f).contains($0) } })
        try scene.expectVictimLives()
        try scene.expectBystanderLives()
    }

    @Test("CVE-2014-3672: a guest fills the host's disk by way of the log")
    func floodOfNonsenseIsFewLines() throws {
        let scene = try HostileScene()
        let queue = scene.guest.controlTransmitq
        for _ in 0..<300 {
            queue.reap()
            for _ in 0..<queue.freeDescriptorCount / 2 {
                queue.write(pack(UInt32(1)) + pack(UInt16(6)) + pack(UInt16(1)))
                queue.write(pack(UInt32(1)) + pack(UInt16(6)) + pack(UInt16(0)))
            }
            try queue.kick.signal()
            try scene.fixture.settle()
        }
        // 300 turns with news of port 1: as many lines as the bucket holds, and one a second.
        let count = scene.fixture.lines.count { $0.contains("by the guest") }
        #expect((50...150).contains(count), "\(count) lines")
        // The same for a front-end that breaks rings at will.
        for _ in 0..<300 {
            scene.transmitq.ring.breakRing()
            try scene.transmitq.kick.signal()
            try scene.fixture.settle()
            try scene.renew(scene.transmitq)
        }
        let brokenCount = scene.fixture.lines.count { $0.contains("is broken by the guest") }
        #expect((50...70).contains(brokenCount), "\(brokenCount) lines")
        try scene.expectBystanderLives()
    }

    @Test("CVE-2020-10717: a guest makes the device open more files than it may")
    func descriptorsOfAFrontendAreBounded() throws {
        let scene = try HostileScene()
        let event = try EventFileDescriptor()
        for _ in 0..<3 {
            for index in UInt64(0)..<256 {
                for request in [12, 13, 14] as [UInt32] {
                    _ = try scene.fixture.say(FakeMessage(request, pack(index)).bringing(event.rawValue))
                }
            }
        }
        // One kick, call and error for each ring that the protocol can name, and a kick that was replaced.
        let count = openCount(of: event.rawValue) - 1
        #expect((3 * 256...3 * 256 + 1).contains(count), "\(count)")
        #expect(UInt64(count) < DescriptorLimit.needed(portCount: 1))
        try scene.fixture.disconnectFrontend()
        #expect(openCount(of: event.rawValue) == 1)
    }

    /// Whom the program is told to become; nobody else with nil.
    private static let identities: [(user: UInt32, group: UInt32)?] = getuid() == 0 ? [nil, (65534, 65533)] : [nil]

    @Test(
        "CVE-2022-0358: groups that a program was started with outlive a change of its user",
        arguments: 0..<identities.count)
    func programIsWhoItIsToBe(identity: Int) async {
        await #expect(processExitsWith: .success) { [identity] in
            let identity = Self.identities[identity]
            // Groups that are there to be lost, in a process that may give itself some.
            let isPrivileged = getuid() == 0
            if isPrivileged { try #require(unsafe setgroups(2, [4242, 4243]) == 0) }
            let directory = try TemporaryDirectory()
            unsafe chmod(directory.path, 0o777)
            let daemon = try SpawnedDaemon(
                [
                    "--socket-path", "\(directory.path)/vhost.sock", "--socket-dir", directory.path,
                    "--port=name=vm.ctl",
                ] + (identity.map { ["--user", "\($0.user)", "--group", "\($0.group)"] } ?? []))
            try #require(daemon.waitForOutput("waiting for a front-end"))
            // Real, effective, saved and of the file system.
            let user = [UInt32](repeating: identity?.user ?? getuid(), count: 4)
            let group = [UInt32](repeating: identity?.group ?? getgid(), count: 4)
            let (own, its) = ("/proc/self/status", "/proc/\(daemon.process)/status")
            #expect(Self.numbers("Uid", in: its) == user)
            #expect(Self.numbers("Gid", in: its) == group)
            #expect(Self.numbers("Groups", in: its) == (isPrivileged ? [] : Self.numbers("Groups", in: own)))
            daemon.send(SIGTERM)
            #expect(daemon.wait().code == 0)
        }
    }

    /// The numbers behind a key of a file of /proc.
    private static func numbers(_ key: String, in path: String) -> [UInt32] {
        let lines = ProcessFigures.contents(of: path).split(separator: "\n")
        return lines.first { $0.hasPrefix("\(key):") }?.split(whereSeparator: \.isWhitespace)
            .compactMap { UInt32($0) } ?? [.max]
    }

    @Test("Firecracker #2177: what a guest writes for a reader that stands still is kept without bound")
    func memoryForAnAbsentReaderIsBounded() async {
        await #expect(processExitsWith: .success) {
            let scene = try HostileScene(.port("victim", number: 1, clientsAbsent: .buffer))
            scene.victim.close()
            try scene.fixture.settle()
            let piece = pattern(8192)
            let write = {
                try scene.guest.write(piece, port: 1)
                try scene.fixture.settle()
            }
            for _ in 0..<64 { try write() }
            let byteCount = ProcessFigures.residentByteCount
            for _ in 0..<4096 { try write() }
            #expect(ProcessFigures.residentByteCount - byteCount < 4 << 20)
            let kept = scene.fixture.loop.endpoints[1].replayByteCount
            #expect(kept == 65_536)
            // A reader that stopped holds no more than its socket does.
            let reader = try scene.fixture.connect(1)
            try scene.fixture.shrinkBuffer(port: 1)
            for _ in 0..<200 where scene.transmitq.freeDescriptorCount > 1 { try write() }
            #expect(ProcessFigures.residentByteCount - byteCount < 4 << 20)
            try scene.expectBystanderLives()
            #expect(!reader.isAtEnd)
        }
    }
}
