import Glibc
import LinuxIO
import SystemPackage
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon
@testable import Virtio

@Suite("PortEndpoint: client")
struct PortEndpointClientTests {
    @Test func beginsWithAListenerAndNoClient() throws {
        let fixture = try EndpointFixture()
        #expect(fixture.listenerDescriptor != nil)
        #expect(fixture.clientDescriptor == nil)
        #expect(!fixture.hasClient)
        #expect(!fixture.mayHaveBytes)
        #expect(fixture.unreadByteCount == 0)
        #expect(try !fixture.accept())
        // Calls that find no client do nothing.
        #expect(try fixture.send([1]) == 0)
        #expect(try fixture.receive(roomFor: 4) == [])
        try fixture.shutdownSend()
        try fixture.sendReplay()
        #expect(try fixture.takeEmergency(0x41) == 1)
        fixture.disconnect()
    }

    @Test func aSecondClientWaitsUntilTheFirstHasGone() throws {
        let fixture = try EndpointFixture()
        let first = try fixture.connect()
        let second = try UnixStream.connect(to: fixture.address)
        try second.write([2])
        #expect(try !fixture.accept())
        #expect(fixture.client?.generation == 1)

        fixture.disconnect()
        #expect(try first.isAtItsEnd)
        #expect(!fixture.hasClient)
        #expect(try fixture.accept())
        let peer = try #require(fixture.client?.peer)
        #expect(peer.processIdentifier == getpid())
        #expect(
            fixture.client == PortEndpoint.Client(generation: 2, peer: peer), "nothing of the first one is left")
        #expect(try fixture.receive(roomFor: 8) == [2])
    }

    @Test func disconnectingForgetsWhatTheClientWasToBeTold() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        fixture.owesClientClose = true
        fixture.disconnect()
        #expect(!fixture.owesClientClose)
        drop(stream)
    }

    // MARK: To the client

    @Test func bytesReachTheClient() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        #expect(try fixture.send([1, 2, 3]) == 3)
        #expect(fixture.client?.isWritable == true)
        #expect(try stream.read() == [1, 2, 3])
    }

    @Test func aFullSocketIsRememberedAndNothingIsLost() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        let sent = try fixture.fill()
        #expect(fixture.client?.isWritable == false)
        #expect(fixture.route == .hold)
        #expect(try fixture.send([1]) == 0)

        var received = 0
        while case let bytes = try stream.read(), !bytes.isEmpty { received += bytes.count }
        #expect(received == sent)
        // As epoll's event does.
        fixture.client?.isWritable = true
        #expect(fixture.route == .client)
        #expect(try fixture.send([9]) == 1)
        #expect(try stream.read() == [9])
    }

    @Test func aClientThatStoppedReadingMaySend() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        try stream.shutdownReceive()
        #expect(try fixture.send([1]) == 0)
        #expect(fixture.client?.toHostEnd == .clientStoppedReading)
        #expect(fixture.route == .discard)
        try stream.write([7])
        #expect(try fixture.receive(roomFor: 4) == [7])
        #expect(fixture.client?.hasEndedToGuest == false)
    }

    @Test func aClientThatIsGoneTakesNothing() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        stream.close(seenBy: fixture.clientDescriptor)
        #expect(try fixture.send([1]) == 0)
        #expect(fixture.client?.toHostEnd == .clientStoppedReading)
    }

    @Test func whatTheClientReceivesCanBeEnded() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        #expect(try fixture.send([1]) == 1)
        try fixture.shutdownSend()
        #expect(try stream.read() == [1], "all data comes before the end")
        #expect(try stream.isAtItsEnd)
        try stream.write([2])
        #expect(try fixture.receive(roomFor: 4) == [2])
    }

    // MARK: From the client

    @Test func bytesAreReadAsFarAsThereIsRoom() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        #expect(fixture.mayHaveBytes)
        try stream.write([1, 2, 3, 4, 5])
        #expect(fixture.unreadByteCount == 5)
        #expect(try fixture.receive(roomFor: 2) == [1, 2])
        #expect(fixture.mayHaveBytes, "as many as there was room for: there may be more")
        #expect(fixture.unreadByteCount == 3)
        #expect(try fixture.receive(roomFor: 8) == [3, 4, 5])
        #expect(!fixture.mayHaveBytes, "fewer than there was room for: no call is made to hear that there is nothing")
        #expect(fixture.client?.hasEndedToGuest == false)
    }

    @Test func anEmptySocketIsRemembered() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        #expect(try fixture.receive(roomFor: 8) == [])
        #expect(!fixture.mayHaveBytes)
        #expect(fixture.client?.hasEndedToGuest == false)
        try stream.write([1])
        fixture.client?.isReadable = true
        #expect(try fixture.receive(roomFor: 8) == [1])
    }

    @Test func buffersWithoutRoomAreNotTheEnd() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        try stream.write([1])
        #expect(try fixture.receive(roomFor: 0) == [])
        #expect(fixture.client?.hasEndedToGuest == false)
        #expect(try fixture.receive(roomFor: 8) == [1])
    }

    @Test func aHalfCloseEndsOnlyWhatTheGuestGets() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        try stream.write([1])
        try stream.shutdownSend()
        #expect(try fixture.receive(roomFor: 1) == [1])
        #expect(try fixture.receive(roomFor: 8) == [])
        #expect(fixture.client?.hasEndedToGuest == true)
        #expect(!fixture.mayHaveBytes)
        #expect(fixture.route == .client)
        #expect(try fixture.send([2]) == 1)
        #expect(try stream.read() == [2])
    }

    @Test func whatAClientSentBeforeItLeftIsReadToTheEnd() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        try stream.write([1, 2, 3])
        stream.close(seenBy: fixture.clientDescriptor)
        fixture.client?.hasHungUp = true
        #expect(fixture.unreadByteCount == 3)
        #expect(try fixture.receive(roomFor: 8) == [1, 2, 3])
        #expect(fixture.mayHaveBytes, "epoll says nothing more of a client that hung up: read until the end is seen")
        #expect(try fixture.receive(roomFor: 8) == [])
        #expect(fixture.client?.hasEndedToGuest == true)
        #expect(fixture.unreadByteCount == 0)
    }

    @Test func aClientThatLeavesBytesOfOursUnreadEndsAfterItsOwn() throws {
        // The end is ECONNRESET then, and what it had sent is in front of it.
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        #expect(try fixture.send([9, 9, 9]) == 3)
        try stream.write([1, 2])
        stream.close(seenBy: fixture.clientDescriptor)
        fixture.client?.hasHungUp = true
        var received: [UInt8] = []
        while fixture.mayHaveBytes { received += try fixture.receive(roomFor: 8) }
        #expect(received == [1, 2])
        #expect(fixture.client?.hasEndedToGuest == true)
    }

    // MARK: Replay

    @Test func theNextClientGetsWhatWasKept() throws {
        let fixture = try EndpointFixture(.buffer, bufferByteCount: 4)
        #expect(fixture.keep([1, 2, 3]) == 0)
        #expect(fixture.keep([4, 5]) == 1)
        #expect(fixture.replayByteCount == 4)
        let stream = try fixture.connect()
        #expect(fixture.route == .hold, "what is older goes first")
        try fixture.sendReplay()
        #expect(try stream.read() == [2, 3, 4, 5])
        #expect(fixture.replayByteCount == 0)
        #expect(fixture.route == .client)
    }

    @Test func aSlowClientGetsWhatWasKeptInOrder() throws {
        let fixture = try EndpointFixture(.buffer, isConsole: true, bufferByteCount: 1 << 20)
        let stream = try fixture.connect()
        let sent = try fixture.fill()
        let kept = (0..<300_000).map { UInt8(truncatingIfNeeded: $0) }
        #expect(fixture.keep(kept) == 0)
        try fixture.sendReplay()
        #expect(fixture.replayByteCount == kept.count, "not while the socket is full")

        var received: [UInt8] = []
        while received.count < sent + kept.count {
            let bytes = try stream.read()
            guard !bytes.isEmpty else { break }
            received += bytes
            fixture.client?.isWritable = true
            try fixture.sendReplay()
        }
        #expect(received.count == sent + kept.count)
        #expect(Array(received.dropFirst(sent)) == kept)
        #expect(fixture.replayByteCount == 0)
    }

    @Test func whatAClientDidNotTakeIsKeptForTheNext() throws {
        let fixture = try EndpointFixture(.buffer, bufferByteCount: 8)
        let gone = try fixture.connect()
        gone.close(seenBy: fixture.clientDescriptor)
        _ = fixture.keep([1, 2])
        try fixture.sendReplay()
        #expect(fixture.replayByteCount == 2)
        #expect(fixture.client?.toHostEnd == .clientStoppedReading)
        fixture.disconnect()
        let next = try fixture.connect()
        try fixture.sendReplay()
        #expect(try next.read() == [1, 2])
    }

    @Test func onlyThePolicyBufferKeepsBytes() throws {
        for policy in [ClientsAbsent.block, .discard] {
            let fixture = try EndpointFixture(policy, bufferByteCount: 1024)
            #expect(fixture.keep([1, 2]) == 2)
            #expect(fixture.replayByteCount == 0)
        }
    }

    // MARK: A client whose socket does not work

    @Test func ofAClientThatFailedNothingIsExpected() throws {
        let fixture = try EndpointFixture()
        let stream = try fixture.connect()
        let error = SystemError(call: "sendmsg", errno: .noMemory)
        fixture.fail(error)
        #expect(fixture.client?.failure == error)
        #expect(!fixture.mayHaveBytes)
        #expect(fixture.route == .discard)
        fixture.disconnect()
        fixture.fail(error)
        #expect(fixture.client == nil)
        drop(stream)
    }

    @Test func allIsSentWhenNothingIsKeptOrNobodyIsThereForIt() throws {
        let fixture = try EndpointFixture(.buffer)
        #expect(fixture.hasSentAll)
        _ = fixture.keep([1])
        #expect(!fixture.hasSentAll)
        let stream = try fixture.connect()
        #expect(!fixture.hasSentAll)
        fixture.client?.toHostEnd = .clientStoppedReading
        #expect(fixture.hasSentAll)
        fixture.client?.toHostEnd = nil
        try fixture.sendReplay()
        #expect(fixture.hasSentAll)
        drop(stream)
    }

    // MARK: Emergency writes

    @Test func anEmergencyWriteReachesTheClientAtOnce() throws {
        for policy in [ClientsAbsent.buffer, .discard] {
            let fixture = try EndpointFixture(policy, isConsole: true)
            let stream = try fixture.connect()
            #expect(try fixture.takeEmergency(0x21) == 0)
            #expect(try stream.read() == [0x21])
        }
    }

    @Test func anEmergencyWriteGoesBehindWhatWaits() throws {
        let fixture = try EndpointFixture(.buffer, isConsole: true, bufferByteCount: 3)
        _ = fixture.keep([0, 1])
        #expect(try fixture.takeEmergency(2) == 0)
        #expect(try fixture.takeEmergency(3) == 1, "the oldest one went for it")
        #expect(fixture.replayByteCount == 3)
        let stream = try fixture.connect()
        try fixture.sendReplay()
        #expect(try fixture.takeEmergency(4) == 0)
        #expect(try stream.read() == [1, 2, 3, 4])
    }

    @Test func anEmergencyWriteWithoutAnybodyIsLostAndCounted() throws {
        let fixture = try EndpointFixture(.discard, isConsole: true)
        #expect(try fixture.takeEmergency(1) == 1)
        let stream = try fixture.connect()
        _ = try fixture.fill()
        #expect(try fixture.takeEmergency(2) == 1)
        #expect(fixture.hasClient)
        drop(stream)
    }
}
