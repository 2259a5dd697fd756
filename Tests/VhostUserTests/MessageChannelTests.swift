import LinuxIO
import Testing
import VirtioTestSupport

@testable import VhostUser

@Suite("MessageChannel: framing")
struct MessageChannelTests {
    private struct Ends: ~Copyable {
        var frontend: FakeFrontend
        var channel: MessageChannel

        init() {
            let sockets = makeSocketPair()
            frontend = FakeFrontend(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.first)))
            channel = MessageChannel(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.second)))
        }

        /// What the next look gives, as something to compare: nil for nothing yet.
        mutating func look() throws -> (request: UInt32, payload: [UInt8], descriptorCount: Int)? {
            switch try channel.receive() {
            case .message(let message):
                return (message.header.request, message.payload, message.descriptors.count)
            case .needMore: return nil
            case .closed: throw FakeFrontend.Failure.closed
            }
        }
    }

    @Test("a message in pieces of any size is one message", arguments: 1...45)
    func messageInPieces(pieceByteCount: Int) throws {
        let probe = try LeakProbe()
        var ends = Ends()
        let payload = [UInt8](0..<32)
        let message = FakeMessage(9, payload, descriptors: [probe.file.rawValue, probe.file.rawValue])
        var rest = message.bytes[...]
        var descriptors = message.descriptors
        while rest.count > pieceByteCount {
            try ends.frontend.send(bytes: Array(rest.prefix(pieceByteCount)), descriptors: descriptors)
            descriptors = []
            rest = rest.dropFirst(pieceByteCount)
            #expect(try ends.look() == nil)
        }
        try ends.frontend.send(bytes: Array(rest), descriptors: descriptors)

        let received = try ends.look()

        #expect(received?.request == 9)
        #expect(received?.payload == payload)
        #expect(received?.descriptorCount == 2)
        #expect(try ends.look() == nil)
        #expect(probe.leakedCount == 0)
    }

    @Test func messagesInOnePieceAreSeparate() throws {
        var ends = Ends()
        let bytes = [FakeMessage(1), FakeMessage(2, [1, 2, 3, 4, 5, 6, 7, 8]), FakeMessage(3)].flatMap(\.bytes)
        try ends.frontend.send(bytes: bytes)

        #expect(try ends.look()?.request == 1)
        #expect(try ends.look()?.payload == [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(try ends.look()?.request == 3)
        #expect(try ends.look() == nil)
    }

    @Test func fdsStayWithTheirMessage() throws {
        let probe = try LeakProbe()
        let number = probe.file.rawValue
        var ends = Ends()
        try ends.frontend.send(FakeMessage(1))
        try ends.frontend.send(FakeMessage(2, [0], descriptors: [number]))
        try ends.frontend.send(FakeMessage(3))
        try ends.frontend.send(FakeMessage(4, descriptors: [number, number, number]))

        #expect(try ends.look()?.descriptorCount == 0)
        #expect(try ends.look()?.descriptorCount == 1)
        #expect(try ends.look()?.descriptorCount == 0)
        #expect(try ends.look()?.descriptorCount == 3)
        #expect(probe.leakedCount == 0)
    }

    @Test("fds up to the limit arrive, one more and there are none", arguments: [31, 32, 33, 34, 64, 65, 253])
    func tooManyFdsAreNone(count: Int) throws {
        let probe = try LeakProbe()
        var ends = Ends()
        try ends.frontend.send(
            FakeMessage(5, [1, 2], descriptors: [Int32](repeating: probe.file.rawValue, count: count)))

        let received = try ends.look()

        #expect(received?.payload == [1, 2], "a message without its fds is still a message")
        #expect(received?.descriptorCount == (count <= 32 ? count : 0))
        #expect(probe.leakedCount == 0)
    }

    @Test func fdsWithEveryByteAreNotCollected() throws {
        let probe = try LeakProbe()
        let descriptors = [Int32](repeating: probe.file.rawValue, count: 20)
        var ends = Ends()
        var mostOpen = 0
        for byte in FakeMessage(5, [UInt8](repeating: 0, count: 20)).bytes {
            try ends.frontend.send(bytes: [byte], descriptors: descriptors)
            if let received = try ends.look() {
                #expect(received.descriptorCount == 0)
            }
            mostOpen = max(mostOpen, probe.leakedCount)
        }
        #expect(mostOpen <= 32)
        #expect(probe.leakedCount == 0)
        // The next message is none the worse for it.
        try ends.frontend.send(FakeMessage(12, pack(UInt64(0)), descriptors: [probe.file.rawValue]))
        #expect(try ends.look()?.descriptorCount == 1)
    }

    @Test(
        "only a payload larger than any message's ends the connection",
        arguments: [4097, 0x7fff_ffff, 0xffff_ffff] as [UInt32])
    func hugePayloadLosesTheFraming(byteCount: UInt32) throws {
        let probe = try LeakProbe()
        var ends = Ends()
        var message = FakeMessage(8, descriptors: [probe.file.rawValue])
        message.announcedByteCount = byteCount
        try ends.frontend.send(message)

        #expect(throws: MessageChannelError.framingLost(request: 8, payloadByteCount: byteCount)) { try ends.look() }
    }

    @Test(arguments: [0, 1, 1032, 2056, 4096])
    func anySmallerPayloadIsReadOver(byteCount: Int) throws {
        var ends = Ends()
        try ends.frontend.send(FakeMessage(0xdead_beef, [UInt8](repeating: 7, count: byteCount)))
        try ends.frontend.send(FakeMessage(1))
        #expect(try ends.look()?.payload.count == byteCount)
        #expect(try ends.look()?.request == 1)
    }

    @Test("a front-end that goes in the middle of a message is gone", arguments: 0...19)
    func endInMidMessage(byteCount: Int) throws {
        let probe = try LeakProbe()
        var ends = Ends()
        let bytes = Array(FakeMessage(2, pack(UInt64(1))).bytes.prefix(byteCount))
        if !bytes.isEmpty {
            try ends.frontend.send(bytes: bytes, descriptors: [probe.file.rawValue])
        }
        try ends.frontend.stream.shutdownSend()
        #expect(throws: FakeFrontend.Failure.closed) { try ends.look() }
        #expect(throws: FakeFrontend.Failure.closed) { try ends.look() }
        _ = consume ends
        #expect(probe.leakedCount == 0)
    }

    @Test func messageBeforeTheEndIsStillRead() throws {
        var ends = Ends()
        try ends.frontend.send(FakeMessage(3))
        try ends.frontend.stream.shutdownSend()
        #expect(try ends.look()?.request == 3)
        #expect(throws: FakeFrontend.Failure.closed) { try ends.look() }
    }

    @Test func frontendThatDoesNotReadIsNotListenedTo() throws {
        var ends = Ends()
        // Answers until the socket takes no more.
        var sent = 0
        while !ends.channel.hasUnsentBytes {
            try ends.channel.send(.config(offset: 0, bytes: [UInt8](repeating: UInt8(sent & 0xff), count: 4000)))
            sent += 1
        }
        try ends.frontend.send(FakeMessage(1))
        #expect(try ends.look() == nil)

        for index in 0..<sent {
            if index == sent - 1 {
                // Room by now for the rest of the last one.
                try ends.channel.flush()
                #expect(ends.channel.hasUnsentBytes == false)
            }
            let answer = try ends.frontend.receive()
            #expect(answer.payload.count == 4012)
            #expect(answer.payload.last == UInt8(index & 0xff))
        }
        #expect(try ends.look()?.request == 1)
    }

    @Test func answerToAFrontendThatIsGoneIsNoError() throws {
        let sockets = makeSocketPair()
        var channel = MessageChannel(UnixStream(adopting: OwnedFileDescriptor(adopting: sockets.second)))
        _ = OwnedFileDescriptor(adopting: sockets.first)
        try channel.send(.value(.getFeatures, 1))
        #expect(channel.hasUnsentBytes == false)
        guard case .closed = try channel.receive() else {
            Issue.record("the channel is not closed")
            return
        }
    }
}
