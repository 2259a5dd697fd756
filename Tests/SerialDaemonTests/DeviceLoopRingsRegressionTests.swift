import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Rings that start, are given other eventfds, and are judged, in orders that QEMU need not keep to.
@Suite("DeviceLoop: regressions of rings")
struct DeviceLoopRingsRegressionTests {
    // MARK: Without VHOST_USER_F_PROTOCOL_FEATURES

    /// A ring runs as soon as it has a kick then, with no SET_VRING_ENABLE.
    private func startWithoutEnabling(_ fixture: DeviceLoopFixture) throws {
        try fixture.say(.setFeatures(fixture.features))
        for queue in fixture.guest.queues { try fixture.configure(queue) }
    }

    private func stopWithoutDisabling(_ fixture: DeviceLoopFixture) throws {
        for queue in fixture.guest.queues { try fixture.stop(queue) }
    }

    private func bootWithoutEnabling(_ fixture: DeviceLoopFixture) throws {
        try fixture.negotiate()
        try fixture.shareMemory()
        try startWithoutEnabling(fixture)
        try fixture.startDriver()
    }

    @Test func ringsWithoutEnableWaitForBothControlRings() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.negotiate()
        try fixture.shareMemory()
        try fixture.say(.setFeatures(fixture.features))
        var running: [Int] = []
        for queue in fixture.guest.queues {
            try fixture.configure(queue)
            running.append(fixture.runningCount)
        }
        // Port 0's two queues, then the control queues, then the other ports'.
        #expect(running == [0, 0, 0, 4, 5, 6, 7, 8])
    }

    @Test func pauseWithoutEnableGoesOn() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try bootWithoutEnabling(fixture)
        let client = try fixture.connect(1)
        try fixture.open(1)
        _ = fixture.takeControl()
        try stopWithoutDisabling(fixture)
        #expect(fixture.runningCount == 0)
        try startWithoutEnabling(fixture)
        #expect(fixture.runningCount == fixture.guest.queues.count)
        #expect(fixture.takeControl() == [])
        client.send(pattern(20))
        try fixture.guest.write(pattern(30), port: 1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == pattern(20))
        #expect(client.receive() == pattern(30))
    }

    /// Judged by port 0's rings, which come first and both begin where they stood, it would be a pause.
    @Test func resetWithoutEnableIsAReset() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try bootWithoutEnabling(fixture)
        let client = try fixture.connect(1)
        try fixture.open(1)
        _ = fixture.takeControl()
        try stopWithoutDisabling(fixture)
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try startWithoutEnabling(fixture)
        // Whoever had the port open is no more.
        try fixture.guest.offerBuffers(port: 1)
        client.send(pattern(20))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        try fixture.startDriver()
        #expect(fixture.takeControl() == [.name(1, "vm.data"), .open(1, true)])
        try fixture.open(1)
        #expect(fixture.guest.read(port: 1) == pattern(20))
    }

    // MARK: Rings made anew

    /// At another base it is another ring: neither the rest of a chain nor the end of a program's data is carried over.
    @Test func ringMadeAnewForgetsTheCloseOfTheFormerOne() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .disconnect))
        try fixture.shrinkBuffer(port: 1)
        let queue = fixture.guest.transmitq(1)
        for _ in 0..<4 { try fixture.guest.write(pattern(20_000), port: 1) }
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        #expect(!client.isAtEnd)
        try fixture.stop(queue)
        fixture.bases[queue.index] = TestRings.base(after: 100)
        queue.reset(startingAt: fixture.bases[queue.index])
        try fixture.restart(queue)
        // The close was at the end of what is gone: the client is told as soon as it has got what it was sent.
        while client.unreadByteCount > 0 {
            _ = client.receive()
            try fixture.settle()
        }
        #expect(client.isCutOff)
        let next = try fixture.connect(1)
        for index in 0..<5 { try fixture.guest.write(pattern(10, from: index), port: 1) }
        try fixture.settle()
        #expect(next.receive() == (0..<5).flatMap { pattern(10, from: $0) })
        #expect(!next.isAtEnd)
        #expect(fixture.isRunning(queue))
    }

    // MARK: Kicks and calls that are replaced while the ring runs

    @Test func kickThatIsTakenAwayLeavesTheRingPolled() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        let former = try queue.replaceKick()
        try fixture.demand(.setVringKick(UInt64(queue.index), nil))
        #expect(fixture.isRunning(queue))
        for round in 0..<3 {
            queue.write(pattern(10, from: round))
            try fixture.takeTurn()
            #expect(client.receive() == pattern(10, from: round))
            queue.reap()
        }
        // The front-end has the former one still: it is nobody's business here, and wakes nobody.
        try former.signal()
        try fixture.settle()
        #expect(fixture.sawNothing)

        // And back: polled no more.
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        #expect(!fixture.hasPolledRings)
        try fixture.guest.write(pattern(5), port: 1)
        try fixture.settle()
        #expect(client.receive() == pattern(5))
    }

    /// A kick to the former eventfd may never have been seen: the ring is looked at when it has a new one.
    @Test func kickThatIsReplacedHasTheRingLookedAt() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        queue.write(pattern(10))
        try fixture.settle()
        #expect(client.receive() == [])
        let former = try queue.replaceKick()
        try fixture.demand(.setVringKick(UInt64(queue.index), queue.kick.rawValue))
        #expect(client.receive() == pattern(10))
        try former.signal()
        try fixture.settle()
        #expect(fixture.sawNothing)
        queue.reap()
        queue.write(pattern(10, from: 10))
        try queue.kick.signal()
        try fixture.settle()
        #expect(client.receive() == pattern(10, from: 10))
    }

    /// The former call may have gone unheard, as a masked interrupt does: one too many does no harm, one too few stalls the guest.
    @Test func callThatIsReplacedWhileTheRingRunsIsSignalledOnce() throws {
        let (fixture, _) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        _ = try queue.wasCalled()
        let former = try queue.replaceCall()
        try fixture.demand(.setVringCall(UInt64(queue.index), queue.call.rawValue))
        #expect(count(of: queue.call) == 1)
        #expect(count(of: former) == 0)
        try fixture.stop(queue)
        _ = try queue.replaceCall()
        try fixture.demand(.setVringCall(UInt64(queue.index), queue.call.rawValue))
        #expect(count(of: queue.call) == 0)
    }

    /// How often an eventfd was signalled; it is 0 after that.
    private func count(of event: borrowing EventFileDescriptor) -> UInt64 {
        var count: UInt64 = 0
        return unsafe read(event.rawValue, &count, 8) == 8 ? count : 0
    }
}

extension DeviceLoopFixture {
    /// Whether the last turn was one in which nothing had happened.
    fileprivate var sawNothing: Bool { loop.events.count == 0 }
    fileprivate var hasPolledRings: Bool { loop.hasPolledRings }
}
