import Glibc
import LinuxIO
import Testing
import VhostUser
import Virtio
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// Bugs that a front-end's messages found in other back-ends.
@Suite("Hostile messages")
struct MessageHostilityTests {
    @Test("CVE-2019-14818: descriptors of a message that is not obeyed are never closed")
    func everyMessageWithEveryNumberOfDescriptors() async {
        // A process of its own: there all descriptors can be counted.
        await #expect(processExitsWith: .success) {
            let scene = try HostileScene()
            try scene.fixture.disconnectFrontend()
            let unconnected = ProcessFigures.openFileCount
            try scene.fixture.connectFrontend()
            try scene.fixture.negotiate()
            let event = try EventFileDescriptor()
            let memory = try OwnedFileDescriptor.memory(named: "message", byteCount: 1 << 20)
            let round = [event.rawValue, memory.rawValue].flatMap { descriptor in
                FakeMessage.allRequests.flatMap { request in
                    (0...9).map { FakeMessage.wellFormed(request).bringing(descriptor, count: $0) }
                }
            }
            // More than one belongs to no message but SET_MEM_TABLE, which has one for its one region here; REM_MEM_REG heeds
            // none, as old front-ends send one.
            try scene.expectRefusals(of: round.filter { $0.descriptors.count > 1 && $0.request != 38 })
            // What a session may keep it has after the first round.
            try scene.sayAll(round)
            let (openCount, mappedCount) = (ProcessFigures.openFileCount, mappingCount(of: memory.rawValue))
            for _ in 0..<(100_000 / round.count + 1) { try scene.sayAll(round) }
            #expect(ProcessFigures.openFileCount == openCount)
            #expect(mappingCount(of: memory.rawValue) == mappedCount)
            try scene.fixture.disconnectFrontend()
            // The test's own two.
            #expect(ProcessFigures.openFileCount == unconnected + 2)
            #expect(mappingCount(of: memory.rawValue) == 0)
        }
    }

    @Test("CVE-2022-0669: descriptors that come with the messages about inflight memory are never closed")
    func inflightMessagesAreRefusedAndCloseTheirDescriptors() throws {
        let scene = try HostileScene()
        let memory = try OwnedFileDescriptor.memory(named: "inflight", byteCount: 1 << 20)
        for request in [31, 32] as [UInt32] {
            for count in 0...9 {
                let message = FakeMessage.wellFormed(request).bringing(memory.rawValue, count: count)
                #expect(try !scene.isObeyed(message))
                #expect(openCount(of: memory.rawValue) == 1)
                #expect(mappingCount(of: memory.rawValue) == 0)
            }
        }
        // INFLIGHT_SHMFD is not offered: nobody who heeds that ever sends one.
        #expect(try scene.fixture.say(.getProtocolFeatures)?.value.map { $0 & 1 << 12 } == 0)
        try scene.expectVictimLives()
    }

    @Test("CVE-2020-10726: each GET_INFLIGHT_FD makes a file and a mapping that nobody lets go")
    func inflightMemoryIsNeverMade() async {
        await #expect(processExitsWith: .success) {
            let scene = try HostileScene()
            let messages = [FakeMessage](repeating: .wellFormed(31), count: 1000)
            // The allocator settles.
            try scene.sayAll(messages)
            let (openCount, byteCount) = (ProcessFigures.openFileCount, ProcessFigures.virtualByteCount)
            for _ in 0..<99 { try scene.sayAll(messages) }
            #expect(ProcessFigures.openFileCount == openCount)
            #expect(ProcessFigures.virtualByteCount - byteCount < 1 << 20)
            try scene.expectVictimLives()
        }
    }

    @Test("CVE-2020-10722, CVE-2026-86563: size and offset of the dirty log overflow when they are added")
    func dirtyLogIsRefusedWhateverItsSize() throws {
        let scene = try HostileScene()
        let log = try OwnedFileDescriptor.memory(named: "dirty-log", byteCount: 1 << 20)
        let edges: [UInt64] = [
            0, 1, 0xfff, 0x1000, 1 << 20, 1 << 32, 1 << 63, .max - 0x1000, .max - 0xfff, .max - 1, .max,
        ]
        for byteCount in edges {
            for offset in edges {
                let message = FakeMessage(6, pack(byteCount) + pack(offset), descriptors: [log.rawValue])
                #expect(try !scene.isObeyed(message))
            }
        }
        #expect(openCount(of: log.rawValue) == 1)
        #expect(mappingCount(of: log.rawValue) == 0)
        // Neither LOG_SHMFD nor VHOST_F_LOG_ALL is offered.
        #expect(try scene.fixture.say(.getProtocolFeatures)?.value.map { $0 & 1 << 1 } == 0)
        #expect(try scene.fixture.say(.getFeatures)?.value.map { $0 & 1 << 26 } == 0)
        try scene.expectVictimLives()
    }

    @Test("CVE-2021-3839, CVE-2026-86565: what is sized for a ring of one size is used for a larger one")
    func anyOrderOfARingsMessagesMovesTheSameBytes() throws {
        let scene = try HostileScene()
        let queue = scene.transmitq
        let index = UInt32(queue.index)
        let memory = try OwnedFileDescriptor.memory(named: "inflight", byteCount: 1 << 20)
        let addresses = queue.ring.userAddresses
        for (round, order) in permutations(of: 0..<5).enumerated() {
            #expect(try !scene.isObeyed(.wellFormed(32).bringing(memory.rawValue)))
            try scene.fixture.demand(.setVringEnable(index, 0))
            let base = try scene.fixture.stop(queue)
            // Larger than virtio allows leaves the ring without a size; the same size again is one it can have.
            #expect(try !scene.isObeyed(.setVringNum(index, 65536)))
            let messages: [FakeMessage] = [
                .setVringNum(index, UInt32(queue.ring.size)), .setVringBase(index, base),
                .setVringAddr(
                    index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                    available: addresses.availableRing),
                .setVringKick(UInt64(index), queue.kick.rawValue), .setVringEnable(index, 1),
            ]
            // One that comes when the ring runs already may be refused. It runs once it has a size, a kick and leave: where it
            // is it knows from before.
            for (count, position) in order.enumerated() {
                _ = try scene.isObeyed(messages[position])
                let isComplete = Set(order[...count]).isSuperset(of: [0, 3, 4])
                #expect(scene.fixture.isRunning(queue) == isComplete, "order \(order), message \(count)")
            }
            try scene.guest.write(pattern(100, from: round), port: 1)
            try scene.fixture.settle()
            expectEqual(scene.victim.receive(), pattern(100, from: round))
        }
        #expect(openCount(of: memory.rawValue) == 1)
    }

    @Test("CVE-2026-86561: the size of a memory region is not compared with its file before it is mapped")
    func regionsThatCannotBeAreRefused() throws {
        let scene = try HostileScene()
        let memory = try OwnedFileDescriptor.memory(named: "region", byteCount: 0x10_0000)
        let page: UInt64 = 0x1000
        let (guest, user): (UInt64, UInt64) = (1 << 40, 1 << 41)
        let taken = FakeRegion(scene.guest.memory.regions[0])
        let impossible = [
            FakeRegion(guestBase: guest, byteCount: 0, userBase: user),
            FakeRegion(guestBase: guest, byteCount: 0x10_0001, userBase: user),
            FakeRegion(guestBase: guest, byteCount: page, userBase: user, fileOffset: 0x10_0000),
            FakeRegion(guestBase: guest, byteCount: page, userBase: user, fileOffset: .max - 0xfff),
            FakeRegion(guestBase: guest, byteCount: .max, userBase: user, fileOffset: page),
            FakeRegion(guestBase: .max - 0xffe, byteCount: page, userBase: user),
            FakeRegion(guestBase: guest, byteCount: page, userBase: .max - 0xffe),
            FakeRegion(guestBase: guest, byteCount: 1 << 63, userBase: user, fileOffset: 1 << 63),
            FakeRegion(guestBase: taken.guestBase, byteCount: page, userBase: user),
            FakeRegion(guestBase: taken.guestBase + taken.byteCount - 1, byteCount: page, userBase: user),
            FakeRegion(guestBase: taken.guestBase - 1, byteCount: 2, userBase: user),
            FakeRegion(guestBase: 1, byteCount: 0x10_0000, userBase: user),
        ]
        for region in impossible {
            #expect(try !scene.isObeyed(.addMemReg(region, memory.rawValue)), "\(region)")
            #expect(
                try !scene.isObeyed(.setMemTable([region, taken], descriptors: [memory.rawValue, memory.rawValue])))
        }
        #expect(mappingCount(of: memory.rawValue) == 0)

        // What is no file that can be mapped for reading and writing.
        let region = FakeRegion(guestBase: guest, byteCount: page, userBase: user)
        let sockets = makeSocketPair()
        var pipes: [Int32] = [0, 0]
        try #require(unsafe pipe(&pipes) == 0)
        var others = [sockets.first, sockets.second] + pipes
        others += [
            unsafe open("/dev/zero", O_RDWR | O_CLOEXEC), unsafe open("/", O_RDONLY | O_CLOEXEC),
            unsafe open("/proc/self/fd/\(memory.rawValue)", O_RDONLY | O_CLOEXEC),
        ]
        for descriptor in others {
            #expect(try !scene.isObeyed(.addMemReg(region, descriptor)))
            close(descriptor)
        }

        // As many as there are slots, at one address of the front-end's, and no more.
        for slot in 1..<509 as Range<UInt64> {
            try scene.fixture.demand(
                .addMemReg(FakeRegion(guestBase: guest * (slot + 1), byteCount: page, userBase: user), memory.rawValue))
        }
        #expect(try !scene.isObeyed(.addMemReg(region, memory.rawValue)))
        #expect(mappingCount(of: memory.rawValue) == 508)
        try scene.expectVictimLives()
        try scene.fixture.disconnectFrontend()
        #expect(openCount(of: memory.rawValue) == 1)
        #expect(mappingCount(of: memory.rawValue) == 0)
    }

    @Test("QEMU #3974: memory shared for inflight requests is checked in one pass and used in another")
    func inflightMemoryOfTheFrontendIsNeverLookedAt() throws {
        let memory = try OwnedFileDescriptor.memory(named: "inflight", byteCount: 1 << 20)
        let scene = try HostileScene()
        let message = FakeMessage.wellFormed(32).bringing(memory.rawValue)
        // While rings run, when they stand, and before anything was said: what is not mapped cannot change under us.
        #expect(try !scene.isObeyed(message))
        try scene.fixture.stopRings()
        #expect(try !scene.isObeyed(message))
        try scene.fixture.disconnectFrontend()
        try scene.fixture.connectFrontend()
        #expect(try scene.fixture.say(message) == nil)
        #expect(openCount(of: memory.rawValue) == 1)
        #expect(mappingCount(of: memory.rawValue) == 0)
        #expect(try scene.fixture.say(.getFeatures)?.value != nil)
    }

    @Test("QEMU #4403: a payload is read beyond what came of it", arguments: FakeMessage.allRequests)
    func everyMessageWithEverySize(request: UInt32) throws {
        let scene = try HostileScene()
        let whole = FakeMessage.wellFormed(request).payload
        // Cut, with too much behind it, and with nothing but ones, which every count inside it is then.
        var payloads = (0..<whole.count).map { Array(whole.prefix($0)) }
        payloads += (1...40).map { whole + [UInt8](repeating: 0, count: $0) }
        try scene.expectRefusals(of: payloads.map { FakeMessage(request, $0) })
        payloads = (Array(0...80) + [255, 256, 2056, 4095, 4096]).map { [UInt8](repeating: 0xff, count: $0) }
        try scene.sayAll(payloads.map { FakeMessage(request, $0) })
        #expect(try scene.fixture.say(.getFeatures)?.value != nil)
        // A size that no message has is the end of the connection, and of nothing else.
        var endless = FakeMessage(request)
        endless.announcedByteCount = 4097
        try scene.fixture.frontend.wire.send(endless)
        try scene.fixture.settle()
        #expect(throws: FakeFrontend.Failure.closed) { try scene.fixture.frontend.wire.receive() }
        try scene.startOver()
        try scene.expectBystanderLives()
    }

    @Test("rust-vmm/vhost #180, #183: the used index of a ring that is made anew is not looked at")
    func rebootsUnderTrafficLoseNothing() throws {
        let scene = try HostileScene()
        try scene.fixture.shrinkBuffer(port: 1)
        let cut = pattern(30_000)
        for round in 0..<100 {
            try scene.guest.write(pattern(100, from: round), port: 1)
            scene.victim.send(pattern(50, from: round))
            try scene.fixture.settle()
            expectEqual(scene.victim.receive(), pattern(100, from: round))
            expectEqual(scene.guest.read(port: 1), pattern(50, from: round))
            // It goes when the client has a part of what it wrote, and of one chain.
            for start in stride(from: 0, to: cut.count, by: 3000) {
                try scene.guest.write(Array(cut[start..<start + 3000]), port: 1)
            }
            try scene.fixture.settle()
            #expect(!scene.transmitq.inFlight.isEmpty)
            try scene.fixture.rebootGuest()
            let received = try scene.fixture.readAll(scene.victim)
            expectEqual(received, Array(cut.prefix(received.count)))
            #expect(received.count % 3000 != 0)
            for port in 1...2 { try scene.fixture.open(port) }
            _ = scene.fixture.takeControl()
        }
        try scene.expectVictimLives()
        try scene.expectBystanderLives()
    }

    @Test("DPDK 3c929a0: a message about a ring that was never made", arguments: 0...6)
    func everyMessageInEveryState(state: Int) throws {
        let fixture = try DeviceLoopFixture([.port()])
        let steps: [() throws -> Void] = [
            fixture.negotiate, fixture.shareMemory, fixture.startRings, fixture.startDriver, fixture.stopRings,
            {
                try fixture.disconnectFrontend(); try fixture.connectFrontend()
            },
        ]
        for step in steps.prefix(state) { try step() }
        let event = try EventFileDescriptor()
        let memory = try OwnedFileDescriptor.memory(named: "state", byteCount: 1 << 20)
        var random = SeededGenerator(seed: UInt64(state))
        // A port's ring, the control rings, and two that the device has not.
        for ring in [1, 2, 3, 8, 255] as [UInt32] {
            for request in FakeMessage.allRequests.shuffled(using: &random) {
                let descriptor = (12...14).contains(request) ? event.rawValue : memory.rawValue
                for count in [0, 1] {
                    let message = FakeMessage.wellFormed(request, ring: ring)
                    try fixture.frontend.wire.send(message.bringing(descriptor, count: count))
                    try fixture.settle()
                    while !fixture.frontend.isQuiet { #expect(try fixture.frontend.wire.receive().flags == 0x5) }
                }
            }
        }
        #expect(try fixture.say(.getFeatures)?.value != nil)
        try fixture.disconnectFrontend()
        #expect(openCount(of: event.rawValue) == 1)
        #expect(openCount(of: memory.rawValue) == 1)
        #expect(mappingCount(of: memory.rawValue) == 0)
    }

    @Test("DPDK 3c929a0: a ring of which all is known but one thing", arguments: [8, 9, 12, 18] as [UInt32])
    func ringThatMissesOneThingDoesNotRun(request: UInt32) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.say(.setFeatures(DeviceLoopFixture.features | 1 << 30))
        let messages = fixture.guest.queues.flatMap { queue in
            let (index, addresses) = (UInt32(queue.index), queue.ring.userAddresses)
            return [
                FakeMessage.setVringNum(index, UInt32(queue.ring.size)), .setVringBase(index, TestRings.freshBase),
                .setVringAddr(
                    index, descriptors: addresses.descriptorTable, used: addresses.usedRing,
                    available: addresses.availableRing),
                .setVringKick(UInt64(index), queue.kick.rawValue), .setVringEnable(index, 1),
            ]
        }
        for message in messages where message.request != request { try fixture.demand(message) }
        #expect(fixture.runningCount == 0)
        // It is no fault of the guest's.
        for queue in fixture.guest.queues { #expect(try !queue.isReportedBroken()) }
        for message in messages where message.request == request { try fixture.demand(message) }
        #expect(fixture.runningCount == fixture.guest.queues.count)
    }

    @Test("libvhost-user: an answer that the socket takes in part is not finished")
    func answersAreWholeHoweverLittleTheSocketTakes() throws {
        let scene = try HostileScene()
        let question = FakeMessage.getConfig(offset: 0, byteCount: 4084)
        let answer = try #require(try scene.fixture.say(question))
        let expected = pack(answer.request) + pack(answer.flags) + pack(UInt32(answer.payload.count)) + answer.payload
        #expect(expected.count > 4084)
        scene.fixture.shrinkFrontendBuffer()
        // More of them than the socket has room for answers; the last one in pieces, which wait for a reader too.
        for _ in 0..<9 { try scene.fixture.frontend.wire.send(question) }
        try scene.fixture.frontend.wire.send(question, pieceByteCount: 100) { try scene.fixture.takeTurn() }
        let hasUnsentBytes = scene.fixture.loop.channel?.hasUnsentBytes
        #expect(hasUnsentBytes == true)
        var received: [UInt8] = []
        for _ in 0..<1000 where received.count < 10 * expected.count {
            try scene.fixture.settle()
            received += scene.fixture.frontend.receive(atMost: 1000)
        }
        expectEqual(received, Array(repeatElement(expected, count: 10).joined()))
        try expectAnswersCutAnywhere(scene, question, expected)
        try scene.fixture.frontend.wire.send(.getQueueNum, pieceByteCount: 1) { try scene.fixture.takeTurn() }
        #expect(try scene.fixture.frontend.wire.receive().value == 8)
    }

    /// Small answers before a large one leave room for a part of it, sooner or later: a socket that is empty takes it
    /// whole, and one that is full nothing.
    private func expectAnswersCutAnywhere(_ scene: HostileScene, _ question: FakeMessage, _ expected: [UInt8]) throws {
        let smallByteCount = 20
        var cutCount = 0
        for smallCount in 0..<10 {
            for _ in 0..<smallCount { try scene.fixture.frontend.wire.send(.getQueueNum) }
            try scene.fixture.frontend.wire.send(question)
            try scene.fixture.settle()
            let arrived = scene.fixture.frontend.unreadByteCount - smallCount * smallByteCount
            if arrived > 0, arrived < expected.count { cutCount += 1 }
            for _ in 0..<smallCount {
                #expect(try scene.fixture.frontend.wire.receive().value == 8)
                try scene.fixture.settle()
            }
            var received: [UInt8] = []
            for _ in 0..<100 where received.count < expected.count {
                received += scene.fixture.frontend.receive(atMost: 1000)
                try scene.fixture.settle()
            }
            expectEqual(received, expected)
        }
        #expect(cutCount > 0)
    }
}

extension FrontendEnd {
    /// How many bytes wait to be read.
    fileprivate var unreadByteCount: Int {
        var count: Int32 = 0
        _ = unsafe ioctl(wire.stream.rawValue, UInt(FIONREAD), &count)
        return Int(count)
    }

    /// What there is to read now, answers or parts of them.
    fileprivate func receive(atMost limit: Int) -> [UInt8] {
        var piece = [UInt8](repeating: 0, count: limit)
        let count = unsafe recv(wire.stream.rawValue, &piece, piece.count, Int32(MSG_DONTWAIT))
        return Array(piece.prefix(max(0, count)))
    }
}

/// Every order of some numbers.
private func permutations(of numbers: Range<Int>) -> [[Int]] {
    numbers.reduce([[]]) { orders, number in
        orders.flatMap { order in
            (0...order.count).map { place in Array(order[..<place]) + [number] + Array(order[place...]) }
        }
    }
}
