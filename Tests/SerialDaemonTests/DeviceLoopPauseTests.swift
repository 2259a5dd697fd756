import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Point 9 of the port contract: pause, reset and reboot of the guest.
@Suite("DeviceLoop: pause and reset")
struct DeviceLoopPauseTests {
    /// A client that holds little, and a chain of which it has the beginning.
    private func halfSent() throws -> (fixture: DeviceLoopFixture, client: HostClient, taken: Int) {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        try fixture.guest.write(pattern(20_000), port: 1)
        try fixture.settle()
        let taken = client.unreadByteCount
        #expect(taken > 0 && taken < 20_000)
        #expect(fixture.guest.transmitq(1).reap() == [])
        return (fixture, client, taken)
    }

    @Test func contract9_pausedGuestGoesOnWhereItWas() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for round in 0..<3 {
            try fixture.guest.write(pattern(10, from: round), port: 1)
            client.send(pattern(10, from: round + 100))
            try fixture.settle()
            try fixture.stopRings()
            #expect(fixture.runningCount == 0)
            try fixture.startRings()
            #expect(fixture.runningCount == fixture.guest.queues.count)
            // The guest says nothing and is told nothing: for it nothing has happened.
            #expect(fixture.takeControl() == [])
            expectEqual(client.receive(), pattern(10, from: round))
            expectEqual(fixture.guest.read(port: 1), pattern(10, from: round + 100))
        }
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    @Test func contract9_halfSentChainGoesOnAtItsOffset() throws {
        let (fixture, client, taken) = try halfSent()
        try fixture.stopRings()
        // Not used: the base is that of the chain.
        #expect(fixture.bases[fixture.guest.transmitq(1).index] == TestRings.freshBase)
        expectEqual(client.receive(), pattern(taken))
        try fixture.settle()
        #expect(client.receive() == [])
        try fixture.startRings()
        expectEqual(try fixture.readAll(client), pattern(20_000 - taken, from: taken))
        #expect(fixture.guest.transmitq(1).reap().count == 1)
    }

    @Test func contract9_halfSentChainThatIsShorterNowBreaksItsRing() throws {
        let (fixture, client, taken) = try halfSent()
        let queue = fixture.guest.transmitq(1)
        try fixture.stopRings()
        let descriptor = queue.ring.descriptorBase + UInt64(16 * queue.inFlight[0].slot)
        queue.ring.memory.store(UInt32(taken - 1), at: descriptor + 8)
        try fixture.startRings()
        expectEqual(client.receive(), pattern(taken))
        try fixture.settle()
        #expect(!fixture.isRunning(queue))
        #expect(try queue.isReportedBroken())
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
        client.send([7])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [7])
    }

    /// No GET_VRING_BASE: the rings are disabled and enabled again. Nothing is taken meanwhile, and no kick is lost.
    @Test func contract9_disabledRingsAreLeftAlone() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for queue in fixture.guest.queues { try fixture.demand(.setVringEnable(UInt32(queue.index), 0)) }
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.transmitq(1).kick.signal()
        client.send(pattern(20))
        try fixture.settle()
        #expect(client.receive() == [])
        #expect(fixture.guest.read(port: 1) == [])
        for queue in fixture.guest.queues { try fixture.demand(.setVringEnable(UInt32(queue.index), 1)) }
        expectEqual(client.receive(), pattern(10))
        expectEqual(fixture.guest.read(port: 1), pattern(20))
        #expect(fixture.takeControl() == [])
    }

    @Test func contract9_stoppedRingIsNotWrittenAndNotCalled() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.stopRings()
        for queue in fixture.guest.queues {
            queue.reap()
            _ = try queue.wasCalled()
        }
        client.send(pattern(20))
        try fixture.guest.write(pattern(10), port: 1)
        let next = try HostClient(connectingTo: fixture.address(of: 1))
        client.close()
        try fixture.settle()
        next.send([1])
        try fixture.settle()
        for queue in fixture.guest.queues {
            #expect(queue.reap() == [])
            #expect(try !queue.wasCalled())
        }
    }

    // MARK: Clients while the guest stands still

    @Test func contract9_clientThatLeftDuringThePauseTakesItsChainsAlong() throws {
        let (fixture, client, taken) = try halfSent()
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.stopRings()
        client.close()
        try fixture.settle()
        #expect(!fixture.hasClient(1))
        let next = try fixture.connect(1)
        try fixture.startRings()
        #expect(fixture.takeControl() == [.open(1, false), .open(1, true)])
        #expect(fixture.guest.transmitq(1).reap().count == 2)
        #expect(fixture.counters(1).discardedBytes == UInt64(20_100 - taken))
        try fixture.guest.write(pattern(50), port: 1)
        try fixture.settle()
        expectEqual(next.receive(), pattern(50))
    }

    /// The guest's program closed the port before the pause: the client still gets what it wrote before.
    @Test(arguments: [GuestClose.eof, .disconnect])
    func contract9_clientIsNotToldOfACloseBeforeTheBytesThatAPauseHolds(close: GuestClose) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: close))
        try fixture.shrinkBuffer(port: 1)
        try fixture.guest.write(pattern(20_000), port: 1)
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.stopRings()
        var received = client.receive()
        try fixture.settle()
        #expect(!client.isAtEnd)
        try fixture.startRings()
        received += try fixture.readAll(client)
        expectEqual(received, pattern(20_000))
        #expect(client.isAtEnd)
    }

    /// The guest's program had closed the port and the next one had written, when the pause came and the client went.
    @Test func contract9_chainsDiscardedAtResumeTakeTheCloseAlong() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .disconnect))
        try fixture.shrinkBuffer(port: 1)
        try fixture.guest.write(pattern(20_000), port: 1)
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        try fixture.stopRings()
        client.close()
        try fixture.settle()
        try fixture.startRings()
        let next = try fixture.connect(1)
        try fixture.guest.write(pattern(50), port: 1)
        try fixture.settle()
        expectEqual(next.receive(), pattern(50))
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(next.isAtEnd)
    }

    @Test func contract9_clientThatCameDuringThePauseIsAnnounced() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        try fixture.open(1)
        _ = fixture.takeControl()
        try fixture.stopRings()
        let client = try fixture.connect(1)
        client.send(pattern(10))
        try fixture.startRings()
        #expect(fixture.takeControl() == [.open(1, true)])
        expectEqual(fixture.guest.read(port: 1), pattern(10))
    }

    @Test func contract9_lastWordsBeforeAStopAreTaken() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        fixture.guest.transmitq(1).write(pattern(100))
        try fixture.stopRings()
        expectEqual(client.receive(), pattern(100))
    }

    // MARK: Reset

    @Test func contract9_resetLosesNoClient() throws {
        let (fixture, client, taken) = try halfSent()
        try fixture.rebootGuest()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        expectEqual(client.receive(), pattern(taken))
        // The new driver's first chain is its own, not the rest of the former's.
        try fixture.guest.write(pattern(200), port: 1)
        client.send(pattern(30))
        try fixture.settle()
        expectEqual(client.receive(), pattern(200))
        #expect(fixture.guest.read(port: 1) == [])
        try fixture.open(1)
        expectEqual(fixture.guest.read(port: 1), pattern(30))
    }

    /// A kernel's driver says that it is ready long after a firmware's has gone: until then the ports are closed.
    @Test func contract9_resetIsKnownBeforeTheDriverSaysSo() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .eof))
        try fixture.stopRings()
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.guest.offerBuffers(port: 1)
        try fixture.startRings()
        client.send(pattern(10))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        #expect(client.isAtEnd)
    }

    /// The control rings are where they were by chance (they have come round): taken for a pause until the driver says
    /// that it is new.
    @Test func contract9_deviceReadyCorrectsAMisjudgedPause() throws {
        let (fixture, client, taken) = try halfSent()
        try fixture.stopRings()
        let guest = fixture.guest
        for queue in guest.queues {
            let isControl = queue === guest.controlReceiveq || queue === guest.controlTransmitq
            if !isControl { fixture.bases[queue.index] = TestRings.freshBase }
            queue.reset(startingAt: fixture.bases[queue.index])
        }
        try fixture.startRings()
        try fixture.startDriver()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        expectEqual(client.receive(), pattern(taken))
        try fixture.guest.write(pattern(200), port: 1)
        client.send(pattern(30))
        try fixture.settle()
        expectEqual(client.receive(), pattern(200))
        #expect(fixture.guest.read(port: 1) == [])
    }

    /// A ring that begins elsewhere than where it stopped is another one, whatever the others do.
    @Test func contract9_ringThatBeginsElsewhereForgetsItsHalfSentChain() throws {
        let (fixture, client, taken) = try halfSent()
        let queue = fixture.guest.transmitq(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.stop(queue)
        fixture.bases[queue.index] = TestRings.base(after: 1)
        queue.reset(startingAt: fixture.bases[queue.index])
        try fixture.restart(queue)
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        expectEqual(try fixture.readAll(client), pattern(taken) + pattern(100))
        #expect(fixture.isRunning(queue))
    }

    @Test(arguments: [FakeMessage.resetDevice, .setStatus(0)])
    func contract9_resetByMessageForgetsTheGuest(message: FakeMessage) throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.stopRings()
        try fixture.demand(message)
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.startRings()
        client.send(pattern(10))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        try fixture.startDriver()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
    }

    @Test func contract9_wokenGuestIsToldAnew() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.stopRings()
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.startRings()
        // After hibernation Linux sends no DEVICE_READY, but PORT_READY for what it knows and PORT_OPEN for what is
        // open.
        try fixture.guest.offerControlBuffers()
        try fixture.guest.sendPortReady(1)
        try fixture.guest.sendOpen(1)
        try fixture.guest.offerBuffers(port: 1)
        client.send(pattern(10))
        try fixture.settle()
        #expect(fixture.guest.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        expectEqual(fixture.guest.read(port: 1), pattern(10))
    }
}
