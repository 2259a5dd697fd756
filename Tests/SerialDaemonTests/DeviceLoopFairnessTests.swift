import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Point 11 of the port contract: one port never slows another, and what stands still costs nothing.
@Suite("DeviceLoop: fairness")
struct DeviceLoopFairnessTests {
    /// That the loop would sleep, however often it is asked. `settle()` alone would be content with one quiet turn.
    private func expectRest(_ fixture: DeviceLoopFixture, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try fixture.settle()
        for _ in 0..<5 {
            let hadWork = try fixture.takeTurn()
            #expect(!hadWork, sourceLocation: sourceLocation)
            #expect(!fixture.hasWork, sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [GuestClose.keep, .eof])
    func contract11_clientThatDoesNotReadCostsNoTurn(close: GuestClose) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: close))
        try fixture.shrinkBuffer(port: 1)
        for _ in 0..<20 { try fixture.guest.write(pattern(3000), port: 1) }
        try expectRest(fixture)
        try fixture.guest.sendOpen(1, false)
        try expectRest(fixture)
        client.close()
    }

    @Test func contract11_guestThatDoesNotReadCostsNoTurn() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send(pattern(100_000))
        try expectRest(fixture)
        try fixture.guest.sendOpen(1)
        try expectRest(fixture)
        try fixture.guest.offerBuffers(port: 1, count: 3)
        try expectRest(fixture)
        #expect(fixture.guest.read(port: 1).count == 3 * 4096)
    }

    /// EPOLLHUP is reported for ever, with no events asked for.
    @Test(arguments: [true, false])
    func contract11_goneClientWithUnreadBytesCostsNoTurn(isOpen: Bool) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        if isOpen { try fixture.guest.sendOpen(1) }
        client.send(pattern(100))
        client.close()
        try expectRest(fixture)
        #expect(fixture.hasClient(1))
        // Each of kick and opening brings it on.
        if !isOpen { try fixture.guest.sendOpen(1) }
        try expectRest(fixture)
        try fixture.guest.offerBuffers(port: 1, count: 2, byteCount: 30)
        try expectRest(fixture)
        expectEqual(fixture.guest.read(port: 1), pattern(60))
        try fixture.stopRings()
        try expectRest(fixture)
        fixture.guest.receiveq(1).offer(100)
        try fixture.startRings()
        expectEqual(fixture.guest.read(port: 1), pattern(40, from: 60))
        #expect(!fixture.hasClient(1))
    }

    @Test func contract11_halfClosedClientsCostNoTurn() throws {
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)])
        try fixture.boot()
        let (a, b) = (try fixture.connect(1), try fixture.connect(2))
        try fixture.open(1)
        try fixture.open(2)
        a.endSending()
        b.endReceiving()
        try expectRest(fixture)
        try fixture.guest.write([1], port: 2)
        try expectRest(fixture)
    }

    @Test func contract11_waitingClientsCostNoTurn() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let others = try (0..<5).map { _ in try fixture.connect(1) }
        for other in others { other.send([1]) }
        others[2].close()
        try expectRest(fixture)
        client.close()
    }

    @Test func contract11_stoppedGuestCostsNoTurn() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.stopRings()
        client.send(pattern(100))
        for queue in fixture.guest.queues { try queue.kick.signal() }
        try expectRest(fixture)
        try fixture.disconnectFrontend()
        try expectRest(fixture)
    }

    @Test func contract11_brokenRingCostsNoTurn() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        queue.ring.breakRing()
        try queue.kick.signal()
        try fixture.settle()
        #expect(!fixture.isRunning(queue))
        try queue.kick.signal()
        client.send(pattern(10))
        try expectRest(fixture)
    }

    /// A kick that is no eventfd may be readable for ever.
    @Test func contract11_kickThatStaysReadableCostsNoTurn() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        let directory = try TemporaryDirectory()
        let watch = OwnedFileDescriptor(adopting: inotify_init1(Int32(IN_NONBLOCK)))
        #expect(unsafe inotify_add_watch(watch.rawValue, directory.path, UInt32(IN_CREATE)) >= 0)
        _ = unsafe mkdir(directory.path + "/event", 0o700)
        defer { _ = unsafe rmdir(directory.path + "/event") }
        try fixture.say(.setVringKick(UInt64(fixture.guest.transmitq(1).index), watch.rawValue))
        client.send([1])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [1])
        try expectRest(fixture)
    }

    // MARK: Sharing

    /// Both ports have four turns' worth of bytes: after the first turn, which nobody could know to be a long one, each
    /// turn serves one of them, by turns, and no more than its budget and one chain.
    @Test func contract11_budgetSharesTheTurnAmongPorts() throws {
        let fixture = try DeviceLoopFixture([
            .port("a", number: 1, clientsAbsent: .discard), .port("b", number: 2, clientsAbsent: .discard),
        ])
        try fixture.boot()
        for port in 1...2 {
            for _ in 0..<60 { fixture.guest.transmitq(port).write([UInt8](repeating: 7, count: 16_384)) }
            try fixture.guest.transmitq(port).notify()
        }
        func moved() -> [UInt64] { (1...2).map { fixture.counters($0).discardedBytes } }
        try fixture.takeTurn()
        var before = moved()
        #expect(before[0] == before[1] && before[0] > 0)
        while fixture.hasWork {
            try fixture.takeTurn()
            let steps = zip(moved(), before).map { $0 - $1 }
            #expect(steps.allSatisfy { $0 <= UInt64(DeviceLoop.bytesPerTurn + 16_384) })
            #expect(steps.filter { $0 > 0 }.count <= 1)
            let ahead = max(moved()[0], moved()[1]) - min(moved()[0], moved()[1])
            #expect(ahead <= UInt64(DeviceLoop.bytesPerTurn + 16_384))
            before = moved()
        }
        #expect(before == [60 * 16_384, 60 * 16_384])
        try expectRest(fixture)
    }

    /// A port with much to do does not keep another one's few bytes waiting for more than its turn.
    @Test func contract11_floodDoesNotDelayAnotherPort() throws {
        let fixture = try DeviceLoopFixture([
            .port("flood", number: 1, clientsAbsent: .discard), .port("vm.ctl", number: 2),
        ])
        try fixture.boot()
        let client = try fixture.connect(2)
        for _ in 0..<60 { fixture.guest.transmitq(1).write([UInt8](repeating: 7, count: 16_384)) }
        try fixture.guest.transmitq(1).notify()
        try fixture.guest.write([1, 2], port: 2)
        try fixture.takeTurn()
        #expect(fixture.hasWork)
        #expect(client.receive() == [1, 2])
        try fixture.settle()
    }

    /// The same while many floods go on: a port of few bytes waits for one of them, not for all.
    @Test func contract11_manyFloodsDoNotDelayAnotherPort() throws {
        let fixture = try DeviceLoopFixture(
            (1...4).map { .port("flood\($0)", number: $0, clientsAbsent: .discard) } + [.port("vm.ctl", number: 5)],
            maxPorts: 6)
        try fixture.boot()
        let client = try fixture.connect(5)
        for port in 1...4 {
            for _ in 0..<60 { fixture.guest.transmitq(port).write([UInt8](repeating: 7, count: 16_384)) }
            try fixture.guest.transmitq(port).notify()
        }
        try fixture.takeTurn()
        func moved() -> UInt64 { (1...4).reduce(0) { $0 + fixture.counters($1).discardedBytes } }
        for byte in 0..<8 as Range<UInt8> {
            let before = moved()
            try fixture.guest.write([byte], port: 5)
            try fixture.takeTurn()
            #expect(client.receive() == [byte])
            #expect(fixture.hasWork, "the floods go on")
            #expect(moved() - before <= UInt64(DeviceLoop.bytesPerTurn + 16_384))
        }
        try fixture.settle()
    }

    @Test func contract11_emptyChainsAreUsedUpWithoutHoldingTheLoop() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        for _ in 0..<30 { fixture.guest.transmitq(1).write([]) }
        fixture.guest.transmitq(1).write([1])
        try fixture.guest.transmitq(1).notify()
        try expectRest(fixture)
        #expect(fixture.guest.transmitq(1).reap().count == 31)
        #expect(client.receive() == [1])
    }

    @Test func contract11_floodOfControlMessagesIsTakenInTurns() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 256)
        try fixture.boot()
        fixture.guest.controlTransmitq.reap()
        for _ in 0..<200 { fixture.guest.controlTransmitq.write(pattern(8)) }
        try fixture.guest.controlTransmitq.notify()
        try expectRest(fixture)
        #expect(fixture.guest.controlTransmitq.reap().count == 200)
    }
}
