import BasicContainers
import Glibc
import LinuxIO
import SystemPackage
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// What a guest, a client or a front-end could do to the others once, and no longer can.
@Suite("DeviceLoop: regressions")
struct DeviceLoopRegressionTests {
    /// Reads until nothing comes any more; the loop sends what was held back.
    private func readAll(_ client: HostClient, _ fixture: DeviceLoopFixture) throws -> [UInt8] {
        var received: [UInt8] = []
        while client.unreadByteCount > 0 {
            received += client.receive()
            try fixture.settle()
        }
        return received
    }

    // MARK: One guest's work, and everybody else's

    /// A thousand descriptors for each chain, and not a byte: one turn looks at a few such chains and lets the others have theirs.
    @Test func chainsOfManyDescriptorsAndNoBytesLeaveTheOthersTheirTurn() throws {
        let fixture = try DeviceLoopFixture([.port("a", number: 1), .port("b", number: 2)])
        try fixture.boot()
        let (a, b) = (try fixture.connect(1), try fixture.connect(2))
        let queue = fixture.guest.transmitq(1)
        for _ in 0..<32 { queue.writeIndirect(Array(repeating: [], count: 1024)) }
        try queue.notify()
        try fixture.guest.write(pattern(10), port: 2)
        try fixture.frontend.wire.send(.getFeatures)

        try fixture.takeTurn()
        let usedCount = queue.reap().count
        #expect(usedCount > 0 && usedCount <= 20)
        #expect(b.receive() == pattern(10))
        // Throws when there is no answer.
        _ = try fixture.frontend.wire.receive()

        // What is left needs no new kick.
        try fixture.settle()
        #expect(queue.reap().count == 32 - usedCount)
        #expect(a.receive() == [])
    }

    /// The same for chains that each are empty: many of them cost a turn too.
    @Test func emptyChainsEndATurn() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 4096)
        try fixture.boot()
        let client = try fixture.connect(1)
        let queue = fixture.guest.transmitq(1)
        let empty = MockDriver.RawDescriptor(address: queue.ring.descriptorBase, length: 0)
        for _ in 0..<4090 { queue.ring.offer([empty]) }
        try queue.kick.signal()
        try fixture.takeTurn()
        let usedCount = queue.ring.takeUsedEntries().count
        #expect(usedCount > 0 && usedCount < 3600)
        try fixture.settle()
        #expect(usedCount + queue.ring.takeUsedEntries().count == 4090)
        #expect(client.receive() == [])
    }

    // MARK: Closing marks

    /// The way to the close leads through position 65535 and 0.
    @Test(arguments: [GuestClose.eof, .disconnect])
    func closeIsWhereItWasWhenPositionsComeRound(close: GuestClose) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: close))
        let queue = fixture.guest.transmitq(1)
        try fixture.stop(queue)
        fixture.bases[queue.index] = TestRings.base(after: 65_533)
        queue.reset(startingAt: fixture.bases[queue.index])
        try fixture.restart(queue)
        try fixture.shrinkBuffer(port: 1)
        for index in 0..<6 { try fixture.guest.write(pattern(4000, from: 4000 * index), port: 1) }
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(!client.isAtEnd)
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(50), port: 1)
        try fixture.settle()
        #expect(try readAll(client, fixture) == pattern(24_000))
        #expect(client.isAtEnd)
        client.close()
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == pattern(50))
        #expect(!next.isAtEnd)
    }

    /// Nobody was there when the program closed the port, and what it wrote went with a client of the pause: later closes count.
    @Test(arguments: [0, 1, 3])
    func closeThatWentWithThePausesClientDoesNotHideTheNextOne(writeCount: Int) throws {
        let fixture = try DeviceLoopFixture([.port(guestClose: .eof)])
        try fixture.boot()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(20), port: 1)
        try fixture.settle()
        try fixture.stopRings()
        let client = try fixture.connect(1)
        client.close()
        try fixture.settle()
        try fixture.startRings()
        #expect(fixture.counters(1).discardedBytes == 30)
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).inFlight.isEmpty)

        let next = try fixture.connect(1)
        // With nothing written, nothing can push a mark of the former close out of the way.
        for index in 0..<writeCount { try fixture.guest.write(pattern(40, from: 40 * index), port: 1) }
        try fixture.settle()
        #expect(next.receive() == pattern(40 * writeCount))
        #expect(!next.isAtEnd)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(next.isAtEnd)
        #expect(!next.isCutOff)
    }

    /// The close is owed, the next program has written, and the VM is paused: first all bytes of the one, then the end, and nothing of the other.
    @Test(arguments: [GuestClose.eof, .disconnect], [ClientsAbsent.block, .buffer])
    func closeOwedOverAPauseComesBetweenTheOpenings(close: GuestClose, absent: ClientsAbsent) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(clientsAbsent: absent, guestClose: close))
        try fixture.shrinkBuffer(port: 1)
        for index in 0..<3 { try fixture.guest.write(pattern(6000, from: 6000 * index), port: 1) }
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(50), port: 1)
        try fixture.settle()
        try fixture.stopRings()
        var received = client.receive()
        try fixture.settle()
        #expect(received.count < 18_000)
        #expect(!client.isAtEnd)
        try fixture.startRings()
        received += try readAll(client, fixture)
        #expect(received == pattern(18_000))
        #expect(client.isAtEnd)
        client.close()
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == pattern(50))
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    /// Bytes of the program before are kept for the client, which has not caught up: it is told of the close behind them, and gets no more.
    @Test(arguments: [GuestClose.eof, .disconnect])
    func consolesNextOpeningWaitsBehindTheCloseOfASlowClient(close: GuestClose) throws {
        var console = PortConfiguration.console()
        console.guestClose = close
        let fixture = try DeviceLoopFixture([console])
        try fixture.boot()
        let client = try fixture.connect(0)
        try fixture.guest.sendOpen(0)
        try fixture.shrinkBuffer(port: 0)
        for index in 0..<10 { try fixture.guest.write(pattern(3000, from: 3000 * index), port: 0) }
        try fixture.settle()
        try fixture.guest.sendOpen(0, false)
        try fixture.settle()
        #expect(!client.isAtEnd)
        #expect(try readAll(client, fixture) == pattern(30_000))
        #expect(client.isAtEnd)
        try fixture.guest.sendOpen(0)
        try fixture.guest.write(pattern(70), port: 0)
        try fixture.settle()
        #expect(client.receive() == [])
        client.close()
        try fixture.settle()
        #expect(try fixture.connect(0).receive() == pattern(70))
    }

    // MARK: Receive buffers

    /// Two chains fill the one call's list of pieces: the third went back to the guest with nothing in it.
    @Test func receiveChainsThatAreUsedAreNeverEmpty() throws {
        let fixture = try DeviceLoopFixture([.port()], ringSize: 2048)
        try fixture.boot()
        let client = try fixture.connect(1)
        let queue = fixture.guest.receiveq(1)
        for _ in 0..<3 { queue.offer(Array(repeating: 1, count: 512)) }
        try queue.notify()
        client.send(pattern(3 * 512))
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        let chains = queue.reap()
        #expect(chains.map(\.count) == [512, 512, 512])
        #expect(chains.flatMap { $0 } == pattern(3 * 512))
    }

    // MARK: A client whose socket does not work

    /// The socket fails in the middle of a chain: the part that the client got is no loss, and the next client's bytes begin at a chain's beginning.
    @Test func socketThatFailsInTheMiddleOfAChainLeavesNoOffset() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.shrinkBuffer(port: 1)
        let queue = fixture.guest.transmitq(1)
        for bytes in [pattern(20_000), [], pattern(10)] { queue.write(bytes) }
        try queue.notify()
        try fixture.settle()
        let taken = client.unreadByteCount
        #expect(taken > 0 && taken < 20_000)
        try fixture.breakSocket(port: 1)
        // As epoll would say it; the number is another file's now.
        fixture.loop.endpoints[1].client?.isWritable = true
        fixture.loop.readyPorts.insert(1)
        try fixture.settle()
        queue.reap()
        #expect(queue.inFlight.isEmpty)
        #expect(!fixture.hasClient(1))
        #expect(fixture.counters(1).discardedBytes == UInt64(20_010 - taken))
        let next = try fixture.connect(1)
        try fixture.guest.write(pattern(30), port: 1)
        try fixture.settle()
        #expect(next.receive() == pattern(30))
        #expect(queue.reap().count == 1)
    }

    /// What is kept for a client is the next one's when its socket fails.
    @Test func keptBytesOutliveAClientWhoseSocketFails() throws {
        let fixture = try DeviceLoopFixture([.console()])
        try fixture.boot()
        let client = try fixture.connect(0)
        try fixture.shrinkBuffer(port: 0)
        for index in 0..<10 { try fixture.guest.write(pattern(3000, from: 3000 * index), port: 0) }
        try fixture.settle()
        let taken = client.unreadByteCount
        #expect(taken > 0 && taken < 30_000)
        try fixture.breakSocket(port: 0)
        fixture.loop.endpoints[0].client?.isWritable = true
        fixture.loop.readyPorts.insert(0)
        try fixture.settle()
        #expect(!fixture.hasClient(0))
        let next = try fixture.connect(0)
        #expect(try readAll(next, fixture) == pattern(30_000 - taken, from: taken))
        #expect(fixture.counters(0).discardedBytes == 0)
    }

    /// A failure is noted and nothing else: the batch in hand is still to be accounted for.
    @Test func failedClientStaysUntilItsTurnEnds() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        fixture.loop.endpoints[1].client?.isReadable = true
        fixture.loop.endpoints[1].fail(SystemError(call: "sendmsg", errno: .ioError))
        #expect(fixture.hasClient(1))
        let (mayHaveBytes, route) = (fixture.loop.endpoints[1].mayHaveBytes, fixture.loop.endpoints[1].route)
        #expect(!mayHaveBytes)
        #expect(route == .discard)
        #expect(!client.isAtEnd)
        fixture.loop.settleClient(port: 1)
        #expect(!fixture.hasClient(1))
        #expect(client.isAtEnd)
    }

    // MARK: Listeners that cannot be accepted from

    /// Level-triggered, a listener without a descriptor for its client would be reported without end.
    @Test func restingListenersAreNotReportedAndComeBack() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        fixture.loop.restListener(port: 1)
        fixture.loop.restFrontendListener()
        let client = try fixture.connect(1)
        #expect(!fixture.hasClient(1))
        #expect(try !fixture.takeTurn())
        client.send(pattern(10))
        try fixture.settle(until: { fixture.hasClient(1) })
        try fixture.open(1)
        #expect(fixture.guest.read(port: 1) == pattern(10))
        try fixture.disconnectFrontend()
        try fixture.connectFrontend()
        #expect(try fixture.say(.getFeatures) != nil)
    }

    // MARK: Log lines

    /// A guest may begin anew as often as it likes, and a front-end may say nonsense: that is told now and then, and hides nobody else's news.
    @Test func floodOfDeviceReadyIsHeldBackInTheLog() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        for _ in 0..<300 {
            try fixture.guest.sendDeviceReady()
            try fixture.settle()
        }
        let count = fixture.lines.count { $0.contains("the guest's driver is ready") }
        #expect(count > 0 && count < 150)
        _ = try fixture.connect(1)
        #expect(fixture.lines.contains { $0.contains("client connected") })
    }

    @Test func floodOfFrontendFaultsIsHeldBackInTheLog() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        for _ in 0..<300 { try fixture.say(.setVringNum(200, 0)) }
        let count = fixture.lines.count { $0.contains("the front-end is at fault") }
        #expect(count > 0 && count < 150)
        _ = try fixture.connect(1)
        #expect(fixture.lines.contains { $0.contains("client connected") })
    }

    // MARK: Memory that goes away

    /// The front-end's file is cut short under the rings: they stand still and are reported, and nobody is cut off for it.
    @Test func memoryThatIsCutShortStopsTheRingsAndEndsNoClient() throws {
        MappedMemory.installFaultGuard()
        let (fixture, client) = try DeviceLoopFixture.connected()
        let queue = fixture.guest.transmitq(1)
        try fixture.guest.memory.file.resize(toByteCount: 0)
        try queue.kick.signal()
        try fixture.settle()
        #expect(fixture.runningCount == 0)
        #expect(try queue.isReportedBroken())
        #expect(fixture.hasClient(1))
        #expect(!client.isAtEnd)
        client.send(pattern(10))
        try fixture.settle()
        #expect(fixture.hasClient(1))

        try expectNextFrontendServes(client, fixture, pattern(10))
    }

    /// Only the buffers are gone, so that it is the system call that finds out: EFAULT is no fault of the client's.
    @Test(arguments: [true, false])
    func buffersThatAreGoneAreNoFaultOfTheClient(isToGuest: Bool) throws {
        MappedMemory.installFaultGuard()
        let size = UInt64(QueueRole.queueCount(maxPorts: 3)) * GuestQueue.byteCount
        let memory = try TestMemory(byteCount: size + GuestQueue.byteCount)
        let fixture = try DeviceLoopFixture([.port()], memory: memory)
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        let region = memory.regions[0]
        let queue = isToGuest ? fixture.guest.receiveq(1) : fixture.guest.transmitq(1)
        queue.ring.offer([
            MockDriver.RawDescriptor(
                address: region.guestBase + size, length: 4096, flags: isToGuest ? MockDriver.write : 0)
        ])
        try memory.file.resize(toByteCount: region.fileOffset + size)
        try queue.kick.signal()
        client.send(pattern(10))
        try fixture.settle()
        // The ring whose buffer it was, and no other.
        #expect(fixture.runningCount == fixture.guest.queues.count - 1)
        #expect(fixture.hasClient(1))
        #expect(!client.isAtEnd)
        #expect(client.receive() == [])

        try expectNextFrontendServes(client, fixture, pattern(10))
    }

    /// The front-end comes back with memory that is there.
    private func expectNextFrontendServes(_ client: HostClient, _ fixture: DeviceLoopFixture, _ sent: [UInt8]) throws {
        let region = fixture.guest.memory.regions[0]
        try fixture.guest.memory.file.resize(toByteCount: region.fileOffset + region.byteCount)
        try fixture.disconnectFrontend()
        try fixture.connectFrontend()
        fixture.guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.boot()
        try fixture.open(1)
        #expect(fixture.guest.read(port: 1) == sent)
        try fixture.guest.write(pattern(20), port: 1)
        try fixture.settle()
        #expect(client.receive() == pattern(20))
    }
}
