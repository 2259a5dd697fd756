import LinuxIO
import Testing
import Virtio
import VirtioTestSupport

@testable import VhostUser

/// The conversation with QEMU 11 as it was recorded, message by message.
@Suite("VhostUserSession: as QEMU speaks")
struct QEMUConversationTests {
    private static let rings: [QEMUScript.Ring?] = [
        RingMemory.ring(0), RingMemory.ring(1), RingMemory.ring(2), RingMemory.ring(3), nil, nil, RingMemory.ring(6),
        RingMemory.ring(7),
    ]

    /// Sends a script, and checks that everything is answered that QEMU waits for, and nothing else, as QEMU wants it.
    private static func play(_ script: [FakeMessage], to conversation: inout Conversation) throws {
        for message in script {
            let answer = try conversation.say(message)
            guard message.expectsAnswer else {
                #expect(answer == nil, "request \(message.request)")
                continue
            }
            #expect(answer?.request == message.request)
            #expect(answer?.flags == 0x5)
            if message.flags & 0x8 != 0 {
                #expect(answer?.value == 0, "request \(message.request)")
            }
        }
        #expect(conversation.refusals.isEmpty)
    }

    private static func realize(_ conversation: inout Conversation, queueCount: Int = 8, _ fds: RingDescriptors) throws
    {
        let sockets = makeSocketPair()
        _ = OwnedFileDescriptor(adopting: sockets.first)
        try play(
            QEMUScript.realize(
                queueCount: queueCount, protocolFeatures: Conversation.usualProtocolFeatures, call: fds.call.rawValue,
                error: fds.error.rawValue, backendSocket: sockets.second),
            to: &conversation)
        _ = OwnedFileDescriptor(adopting: sockets.second)
    }

    private static func start(
        _ conversation: inout Conversation, _ rings: [QEMUScript.Ring?], memory: Bool, _ fds: RingDescriptors
    ) throws {
        let file = try OwnedFileDescriptor.memory(named: "qemu", byteCount: RingMemory.byteCount)
        try play(
            QEMUScript.start(
                features: Conversation.features, regions: memory ? [(RingMemory.region, file.rawValue)] : [],
                rings: rings, kick: fds.kick.rawValue, call: fds.call.rawValue),
            to: &conversation)
    }

    @Test func realizeAndStart() throws {
        let fds = try RingDescriptors()
        var conversation = try Conversation()
        try Self.realize(&conversation, fds)
        #expect(conversation.session.callIndexesSeen == 8)
        #expect(conversation.running.isEmpty)

        _ = try conversation.say(.getConfig(offset: 0, byteCount: 12))
        try Self.start(&conversation, Self.rings, memory: true, fds)

        #expect(conversation.running == [0: 0, 1: 0, 2: 0, 3: 0, 6: 0, 7: 0])
        #expect(conversation.session.acknowledgedFeatures.rawValue == Conversation.features)
        #expect(conversation.session.deviceStatus == 8)
        // The primed kick is still there when the rings are looked at.
        #expect(conversation.broken.isEmpty)
    }

    @Test func ringsRunOnlyFromTheirEnableOn() throws {
        let fds = try RingDescriptors()
        var conversation = try Conversation()
        try Self.realize(&conversation, fds)
        let file = try OwnedFileDescriptor.memory(named: "qemu", byteCount: RingMemory.byteCount)
        let script = QEMUScript.start(
            features: Conversation.features, regions: [(RingMemory.region, file.rawValue)], rings: Self.rings,
            kick: fds.kick.rawValue, call: fds.call.rawValue)
        let firstEnable = script.firstIndex { $0.request == 18 } ?? 0

        try Self.play(Array(script[..<firstEnable]), to: &conversation)
        #expect(conversation.running.isEmpty)
        // By the first ENABLE the bases of all rings are known: pause and reset can be told apart before a ring is
        // served.
        try Self.play([script[firstEnable]], to: &conversation)
        #expect(conversation.running == [0: 0])
    }

    @Test func pauseAndResumeKeepEveryPosition() throws {
        let fds = try RingDescriptors()
        var conversation = try Conversation()
        try Self.realize(&conversation, fds)
        try Self.start(&conversation, Self.rings, memory: true, fds)
        var rings = Self.rings
        for round in 1...3 as ClosedRange<UInt32> {
            for index in conversation.running.keys {
                conversation.running[index] = UInt32(index) + round * 10
                rings[index]?.base = UInt32(index) + round * 10
            }
            try Self.play(QEMUScript.stop(rings: rings), to: &conversation)
            #expect(conversation.running.isEmpty)
            #expect(conversation.session.isAnyRingRunning == false)
            #expect(conversation.session.vring(6).stoppedBase == 6 + round * 10)
            #expect(conversation.session.memory.regionCount == 1)

            try Self.start(&conversation, rings, memory: false, fds)
            #expect(conversation.running[6] == 6 + round * 10)
            #expect(conversation.session.vring(6).base == conversation.session.vring(6).stoppedBase)
        }
    }

    @Test func resetOfTheGuestStartsAtOtherBasesThanWereAnswered() throws {
        let fds = try RingDescriptors()
        var conversation = try Conversation()
        try Self.realize(&conversation, fds)
        try Self.start(&conversation, Self.rings, memory: true, fds)
        for index in conversation.running.keys {
            conversation.running[index] = 33
        }
        try Self.play(QEMUScript.stop(rings: Self.rings), to: &conversation)

        try Self.start(&conversation, Self.rings, memory: false, fds)

        #expect(conversation.running[2] == 0)
        #expect(conversation.session.vring(2).stoppedBase == 33)
        #expect(conversation.session.vring(2).base == 0)
    }

    @Test("a front-end may have more queues than the device", arguments: [8, 64, 256])
    func moreQueuesThanTheDevice(queueCount: Int) throws {
        let fds = try RingDescriptors()
        var conversation = try Conversation()
        try Self.realize(&conversation, queueCount: queueCount, fds)
        #expect(conversation.session.callIndexesSeen == queueCount)
        let rings = Self.rings + [QEMUScript.Ring?](repeating: nil, count: queueCount - 8)
        try Self.start(&conversation, rings, memory: true, fds)
        #expect(conversation.running.count == 6)
        try Self.play(QEMUScript.stop(rings: rings), to: &conversation)
    }

    @Test("the whole conversation byte by byte")
    func everythingInSingleBytes() throws {
        let fds = try RingDescriptors()
        let file = try OwnedFileDescriptor.memory(named: "qemu", byteCount: RingMemory.byteCount)
        var conversation = try Conversation.negotiated()
        let script = QEMUScript.start(
            features: Conversation.features, regions: [(RingMemory.region, file.rawValue)], rings: Self.rings,
            kick: fds.kick.rawValue, call: fds.call.rawValue)
        for message in script {
            var descriptors = message.descriptors
            for byte in message.bytes {
                try conversation.frontend.send(bytes: [byte], descriptors: descriptors)
                descriptors = []
                try conversation.serve()
            }
            if message.expectsAnswer {
                #expect(try conversation.frontend.receive().flags == 0x5)
            }
        }
        #expect(conversation.running.count == 6)
        #expect(conversation.refusals.isEmpty)
    }
}
