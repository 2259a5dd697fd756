import Glibc
import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

@Suite("VhostUserSession: rings")
struct VhostUserSessionVringTests {
    /// Everything a ring needs, as one message each.
    private static func ingredients(kick: Int32) -> [FakeMessage] {
        [
            .setVringNum(2, 64), .setVringAddr(2, RingMemory.ring(2)), .setVringKick(2, kick), .setVringEnable(2, 1),
            .setVringBase(2, 7),
        ]
    }

    @Test("a ring runs once it has everything, whatever came last", arguments: 0..<24)
    func orderOfRingMessagesIsFree(permutation: Int) throws {
        var conversation = try Conversation.negotiated()
        try conversation.giveMemory()
        let kick = try EventFileDescriptor()
        // The four that it cannot run without, in every order; the base before them.
        var rest = Array(Self.ingredients(kick: kick.rawValue).dropLast())
        var code = permutation
        #expect(try conversation.say(.setVringBase(2, 7).needingReply)?.value == 0)
        while !rest.isEmpty {
            #expect(conversation.running.isEmpty)
            let message = rest.remove(at: code % rest.count)
            code /= rest.count + 1
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.running == [2: 7])
    }

    @Test func whatComesAgainBeforeTheStartReplacesTheFormer() throws {
        var conversation = try Conversation.negotiated()
        try conversation.giveMemory()
        for (size, base) in [(128, 1), (16, 0xffff), (32, 9)] as [(UInt32, UInt32)] {
            #expect(try conversation.say(.setVringNum(2, size).needingReply)?.value == 0)
            #expect(try conversation.say(.setVringBase(2, base).needingReply)?.value == 0)
            #expect(conversation.session.vring(2).size == size)
            #expect(conversation.session.vring(2).base == base)
        }
    }

    @Test func usedRingComesBeforeTheAvailableRingInSetVringAddr() throws {
        var conversation = try Conversation.negotiated()
        let message = FakeMessage.setVringAddr(2, descriptors: 0x1000, used: 0x3000, available: 0x2000, log: 0x4000)
        #expect(try conversation.say(message.needingReply)?.value == 0)
        #expect(
            conversation.session.vring(2).addresses
                == RingAddresses(descriptorTable: 0x1000, availableRing: 0x2000, usedRing: 0x3000))
    }

    @Test func runningRingKeepsWhatItIsMadeFrom() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 5)
        let before = conversation.session.vring(2)

        #expect(try conversation.say(.setVringNum(2, 64).needingReply)?.value == 1)
        #expect(try conversation.say(.setVringNum(2, 0).needingReply)?.value == 1)
        #expect(try conversation.say(.setVringBase(2, 5).needingReply)?.value == 1)
        #expect(try conversation.say(.setVringAddr(2, RingMemory.ring(3)).needingReply)?.value == 1)

        #expect(conversation.session.vring(2) == before)
        #expect(conversation.running == [2: 5])
    }

    @Test func sameAddressesMayComeAgainWhileTheRingRuns() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2)
        let ring = RingMemory.ring(2)
        for flags in [1, 0] as [UInt32] {
            let message = FakeMessage.setVringAddr(
                2, descriptors: ring.descriptors, used: ring.used, available: ring.available, flags: flags, log: 0x1000)
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.running == [2: 0])
    }

    @Test func featuresStayWhileARingRuns() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2)
        #expect(try conversation.say(.setFeatures(Conversation.features | 1 << 30).needingReply)?.value == 0)
        #expect(try conversation.say(.setFeatures(1 << 32 | 1 << 30).needingReply)?.value == 1)
        #expect(conversation.session.acknowledgedFeatures.rawValue == Conversation.features)
    }

    @Test(arguments: [0, 32769, 0x1_0000, 0x8000_0000, 0xffff_ffff] as [UInt32])
    func sizeThatNoRingHasIsTheFrontendsFault(size: UInt32) throws {
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setVringNum(2, 64).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringNum(2, size).needingReply)?.value == 1)
        #expect(conversation.session.vring(2).size == 0, "and not the size of another time")
    }

    // MARK: What the guest chose

    @Test(
        "the guest's own mistakes are answered yes and break its ring",
        arguments: [
            (3, RingMemory.ring(2), .badSize(3)), (1000, RingMemory.ring(2), .badSize(1000)),
            (2048, RingMemory.ring(2), .badSize(2048)), (32768, RingMemory.ring(2), .badSize(32768)),
            (
                64, QEMUScript.Ring(size: 64, base: 0, descriptors: RingMemory.userBase + 1, available: 0, used: 0),
                .misaligned(.descriptorTable, address: RingMemory.userBase + 1)
            ),
            (
                64, RingMemory.ring(2, space: 0x1000),
                .ringOutsideMemory(.descriptorTable, address: RingMemory.ring(2, space: 0x1000).descriptors)
            ),
            (
                64, QEMUScript.Ring(size: 64, base: 0, descriptors: .max & ~15, available: 0, used: 0),
                .ringOutsideMemory(.descriptorTable, address: .max & ~15)
            ),
        ] as [(UInt32, QEMUScript.Ring, VirtqueueError)])
    func guestsMistakesBreakItsRing(size: UInt32, ring: QEMUScript.Ring, error: VirtqueueError) throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(3)
        let kick = try EventFileDescriptor()
        for message in [
            .setVringNum(2, size), .setVringBase(2, 0), .setVringAddr(2, ring), .setVringKick(2, kick.rawValue),
            .setVringEnable(2, 1),
        ] as [FakeMessage] {
            #expect(try conversation.say(message.needingReply)?.value == 0)
        }
        #expect(conversation.broken == [2: error])
        #expect(conversation.running == [3: 0], "the other ring goes on")
        #expect(conversation.refusals.isEmpty)
    }

    // MARK: Stop

    @Test func getVringBaseStopsTheRingAndForgetsItsKick() throws {
        let probe = try LeakProbe(.eventDescriptor)
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 40)
        #expect(try conversation.say(.setVringKick(2, probe.file.rawValue).needingReply)?.value == 0)
        #expect(probe.leakedCount == 1)
        // What the device has done meanwhile.
        conversation.running[2] = 43

        let answer = try conversation.say(.getVringBase(2))

        #expect(answer == FakeFrontend.Answer(to: 11, payload: pack(UInt32(2)) + pack(UInt32(43))))
        #expect(conversation.running.isEmpty)
        #expect(probe.leakedCount == 0)
        let vring = conversation.session.vring(2)
        #expect(vring.kick == .none)
        #expect(vring.stoppedBase == 43)
        #expect(vring.isEnabled, "enabled and started are independent")
        #expect(conversation.session.kickDescriptor(2) == nil)
    }

    @Test func baseIsAnsweredAgainAndAgain() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 40)
        for _ in 0..<3 {
            #expect(try conversation.say(.getVringBase(2))?.payload == pack(UInt32(2)) + pack(UInt32(40)))
        }
    }

    @Test func stoppedRingRunsAgainWithANewKick() throws {
        var conversation = try Conversation.negotiated()
        let descriptors = try conversation.startRing(2, base: 40)
        _ = try conversation.say(.getVringBase(2))
        #expect(try conversation.say(.setVringBase(2, 40).needingReply)?.value == 0)
        #expect(conversation.running.isEmpty)
        #expect(try conversation.say(.setVringKick(2, descriptors.kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.running == [2: 40])
        #expect(conversation.session.vring(2).stoppedBase == 40)
    }

    @Test func disabledRingKeepsItsPlaceAndItsKick() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 40)
        conversation.running[2] = 43

        #expect(try conversation.say(.setVringEnable(2, 0).needingReply)?.value == 0)
        #expect(conversation.running.isEmpty)
        #expect(conversation.session.vring(2).kick == .eventDescriptor)
        #expect(conversation.session.vring(2).stoppedBase == 43)

        #expect(try conversation.say(.setVringEnable(2, 1).needingReply)?.value == 0)
        #expect(conversation.running == [2: 43])
    }

    @Test func enableOfARunningRingChangesNothing() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2, base: 40)
        conversation.running[2] = 43
        #expect(try conversation.say(.setVringEnable(2, 1).needingReply)?.value == 0)
        #expect(conversation.running == [2: 43])
    }

    // MARK: Kick, call, error

    @Test func replacedKickStaysOpenUntilTheNextMessage() throws {
        let first = try LeakProbe(.eventDescriptor)
        let second = try LeakProbe(.eventDescriptor)
        var conversation = try Conversation.negotiated()
        #expect(try conversation.say(.setVringKick(2, first.file.rawValue).needingReply)?.value == 0)
        let former = conversation.session.kickDescriptor(2)
        #expect(conversation.session.replacedKickDescriptor == nil)

        #expect(try conversation.say(.setVringKick(2, second.file.rawValue).needingReply)?.value == 0)

        #expect(conversation.effects.last == .ringChanged(2))
        #expect(former != nil)
        #expect(conversation.session.replacedKickDescriptor == former)
        #expect(conversation.session.kickDescriptor(2) != former)
        #expect(first.leakedCount == 1)

        #expect(try conversation.say(.setOwner.needingReply)?.value == 0)
        #expect(conversation.session.replacedKickDescriptor == nil)
        #expect(first.leakedCount == 0)
        #expect(second.leakedCount == 1)
    }

    @Test func kickMayBeReplacedWhileTheRingRuns() throws {
        var conversation = try Conversation.negotiated()
        let descriptors = try conversation.startRing(2)
        let kick = try EventFileDescriptor()
        #expect(try conversation.say(.setVringKick(2, kick.rawValue).needingReply)?.value == 0)
        #expect(conversation.running == [2: 0])

        try descriptors.kick.signal()
        #expect(!takeKick(conversation.session.kickDescriptor(2)))
        try kick.signal()
        #expect(takeKick(conversation.session.kickDescriptor(2)))
        #expect(!takeKick(conversation.session.kickDescriptor(2)))
    }

    @Test func kickWithoutAnFdIsPolling() throws {
        var conversation = try Conversation.negotiated()
        try conversation.startRing(2)
        #expect(try conversation.say(.setVringKick(2, nil).needingReply)?.value == 0)
        #expect(conversation.session.vring(2).kick == .polling)
        #expect(conversation.session.vring(2).isRunnable)
        #expect(conversation.session.kickDescriptor(2) == nil)
        #expect(conversation.running == [2: 0])
        #expect(!takeKick(conversation.session.kickDescriptor(2)))
    }

    @Test func callAndErrorReachTheFrontend() throws {
        var conversation = try Conversation.negotiated()
        let descriptors = try conversation.startRing(2)
        #expect(conversation.session.vring(2).hasCall)
        try conversation.session.signalCall(2)
        #expect(try descriptors.call.drain())
        #expect(try !descriptors.error.drain())
        try conversation.session.signalError(2)
        #expect(try descriptors.error.drain())
        #expect(try !descriptors.call.drain())
    }

    @Test func callIsReplacedAndTakenAwayAtAnyTime() throws {
        let probe = try LeakProbe(.eventDescriptor)
        var conversation = try Conversation.negotiated()
        let descriptors = try conversation.startRing(2)
        #expect(try conversation.say(.setVringCall(2, probe.file.rawValue).needingReply)?.value == 0)
        try conversation.session.signalCall(2)
        #expect(try !descriptors.call.drain())
        #expect(probe.leakedCount == 1)

        #expect(try conversation.say(.setVringCall(2, nil).needingReply)?.value == 0)
        #expect(probe.leakedCount == 0)
        #expect(!conversation.session.vring(2).hasCall)
        try conversation.session.signalCall(2)
        #expect(conversation.running == [2: 0])
    }

    /// Files that are no eventfd.
    enum Impostor: CaseIterable {
        case memory, pipeToRead, pipeToWrite, socket

        /// The fd to pass, and the other end of it where it has one; the caller closes them.
        func make() throws -> [Int32] {
            switch self {
            case .memory:
                return [try OwnedFileDescriptor.memory(named: "impostor", byteCount: 4096).release()]
            case .pipeToRead, .pipeToWrite:
                var ends: [Int32] = [-1, -1]
                #expect(unsafe pipe(&ends) == 0)
                for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
                return self == .pipeToRead ? ends : ends.reversed()
            case .socket:
                let sockets = makeSocketPair()
                return [sockets.first, sockets.second]
            }
        }
    }

    @Test(
        "what is no eventfd is refused as a kick, call or error, and closed",
        arguments: [12, 13, 14] as [UInt32], Impostor.allCases)
    func impostor(request: UInt32, impostor: Impostor) throws {
        var conversation = try Conversation.negotiated()
        let descriptors = try conversation.startRing(2)
        let ends = try impostor.make()
        defer { for end in ends { close(end) } }
        let file = OpenFile(ends[0])
        let openBefore = OpenFile.count(of: file)
        let message = FakeMessage(request, pack(UInt64(2)), descriptors: [ends[0]])
        #expect(try conversation.say(message.needingReply) == .acknowledgement(request, succeeded: false))
        #expect(conversation.refusals.count == 1)
        if case .badDescriptor? = conversation.refusals.last {
        } else {
            Issue.record("refused for another reason: \(conversation.refusals)")
        }
        #expect(OpenFile.count(of: file) == openBefore)

        // What the ring had before still works.
        #expect(conversation.running == [2: 0])
        try conversation.session.signalCall(2)
        #expect(try descriptors.call.drain())
        try conversation.session.signalError(2)
        #expect(try descriptors.error.drain())
        try descriptors.kick.signal()
        #expect(takeKick(conversation.session.kickDescriptor(2)))
    }

    @Test func anonymousFileThatIsNoEventfdIsTheFrontendsFaultWhenItIsUsed() throws {
        // It has no file type to tell it by.
        var conversation = try Conversation.negotiated()
        let timer = try TimerFileDescriptor()
        #expect(try conversation.say(.setVringCall(2, timer.rawValue).needingReply)?.value == 0)
        #expect(throws: SystemError.self) { try conversation.session.signalCall(2) }
    }

    // MARK: Rings that the device has not

    @Test(arguments: [8, 9, 100, 255])
    func ringsBeyondTheDevicesAreKeptAndNeverRun(index: Int) throws {
        let probe = try LeakProbe(.eventDescriptor)
        var conversation = try Conversation.negotiated()
        try conversation.startRing(index)
        #expect(conversation.running.isEmpty)
        #expect(!conversation.session.vring(index).isServed)
        #expect(!conversation.session.vring(index).isRunnable)

        #expect(try conversation.say(.setVringKick(UInt64(index), probe.file.rawValue).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringCall(UInt64(index), probe.file.rawValue).needingReply)?.value == 0)
        #expect(try conversation.say(.setVringErr(UInt64(index), probe.file.rawValue).needingReply)?.value == 0)
        #expect(probe.leakedCount == 3)
        #expect(try conversation.say(.getVringBase(UInt32(index)))?.payload == pack(UInt32(index)) + pack(UInt32(0)))
        #expect(probe.leakedCount == 2)
        _ = consume conversation
        #expect(probe.leakedCount == 0)
    }
}
