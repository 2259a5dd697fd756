import ControlProtocol
import Glibc
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// What an operator does while the guest runs.
@Suite("DeviceLoop: an operator's wishes")
struct DeviceLoopOperationsTests {
    typealias Told = TestGuest.Told

    private func isDone(_ answer: DeviceAnswer?) -> Bool {
        guard case .done? = answer else { return false }
        return true
    }

    private func remove(_ port: Int) -> Told { Told(event: 2, port: port, value: 1) }

    // MARK: Adding

    @Test func anAddedPortServesAtOnce() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        _ = fixture.takeControl()
        #expect(isDone(try fixture.add(.port("late", number: 2))))
        #expect(fixture.takeControl() == [.add(2)])
        try fixture.guest.sendPortReady(2)
        try fixture.settle()
        #expect(fixture.takeControl() == [.name(2, "late")])

        let client = try fixture.connect(2)
        #expect(fixture.takeControl() == [.open(2, true)])
        try fixture.open(2)
        client.send([1, 2, 3])
        try fixture.settle()
        #expect(fixture.guest.read(port: 2) == [1, 2, 3])
        try fixture.guest.write([4, 5], port: 2)
        try fixture.settle()
        #expect(client.receive() == [4, 5])
        #expect(fixture.takeEvents().contains(.portAdded("late", number: 2)))
    }

    @Test func aPortAddedBeforeTheGuestIsThereWhenItComes() throws {
        let fixture = try DeviceLoopFixture([.port()])
        #expect(isDone(try fixture.add(.port("late", number: 2))))
        try fixture.boot()
        #expect(try fixture.status(of: 2)?.guestReady == true)
    }

    @Test func aNumberThatIsTakenIsRefused() throws {
        let fixture = try DeviceLoopFixture([.port()])
        guard case .refused? = try fixture.add(.port("other", number: 1)) else {
            Issue.record("two ports have one number")
            return
        }
        #expect(try fixture.status(of: 1)?.id == "vm.data")
    }

    // MARK: Removing

    @Test func aRemovedPortIsGoneForEverybody() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        try fixture.guest.write([1, 2, 3], port: 1)
        #expect(isDone(try fixture.perform(.removePort(1))))
        #expect(client.receive() == [1, 2, 3], "what was written before arrives")
        #expect(client.isAtEnd)
        #expect(fixture.takeControl() == [remove(1)])
        #expect(try fixture.status(of: 1) == nil)
        let events = fixture.takeEvents()
        #expect(events.contains(.portChanged("vm.data", isOpen: false)))
        #expect(events.last == .portRemoved("vm.data", number: 1))
        #expect(throws: (any Error).self) { _ = try fixture.connect(1) }

        // The guest's driver keeps the ring: what it writes there still is used up.
        try fixture.guest.write([4], port: 1)
        try fixture.settle()
        fixture.guest.transmitq(1).reap()
        #expect(fixture.guest.transmitq(1).freeDescriptorCount == 64)
    }

    @Test("what a removed port's guest has written is not for the next port of its number", arguments: [false, true])
    func leftovers(isPaused: Bool) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        try fixture.open(1)
        try fixture.guest.write([1, 2, 3], port: 1)
        try fixture.settle()
        if isPaused { try fixture.stopRings() }
        // Both before the loop has a turn.
        fixture.mailbox.send(.perform(.removePort(1), ticket: 7))
        #expect(isDone(try fixture.add(.port("next", number: 1))))
        if isPaused { try fixture.startRings() }
        let client = try fixture.connect(1)
        #expect(client.receive().isEmpty)
        #expect(fixture.counters(1).goneClientBytes + fixture.counters(1).unwantedBytes == 3)
        // Its program may write on until the guest has heard of the removal.
        fixture.guest.transmitq(1).reap()
        try fixture.guest.write([4], port: 1)
        try fixture.settle()
        #expect(client.receive().isEmpty)
        try fixture.guest.sendPortReady(1)
        try fixture.guest.sendOpen(1)
        try fixture.guest.write([5], port: 1)
        try fixture.settle()
        #expect(client.receive() == [5])
        #expect(fixture.counters(1).goneClientBytes + fixture.counters(1).unwantedBytes == 4)
    }

    @Test func anUnknownPortCannotBeRemoved() throws {
        let fixture = try DeviceLoopFixture([.port()])
        guard case .refused? = try fixture.perform(.removePort(2)) else {
            Issue.record("removed")
            return
        }
    }

    @Test("a port removed and added again a hundred times, with a client each time and traffic beside it")
    func hundredTimes() throws {
        let fixture = try DeviceLoopFixture([.port(), .port("beside", number: 2)], maxPorts: 4)
        try fixture.boot()
        let beside = try fixture.connect(2)
        try fixture.open(2)
        _ = fixture.takeControl()
        var received: [UInt8] = []
        for round in 0..<100 {
            #expect(isDone(try fixture.perform(.removePort(1))))
            try fixture.guest.write(pattern(100, from: round * 100), port: 2)
            try fixture.settle()
            #expect(isDone(try fixture.add(.port("again\(round)", number: 1))))
            #expect(fixture.takeControl() == [remove(1), .add(1)])
            try fixture.guest.sendPortReady(1)
            let client = try fixture.connect(1)
            #expect(fixture.takeControl() == [.name(1, "again\(round)"), .open(1, true)])
            try fixture.guest.sendOpen(1)
            fixture.guest.transmitq(1).reap()
            try fixture.guest.write([UInt8(round)], port: 1)
            try fixture.settle()
            #expect(client.receive() == [UInt8(round)])
            received += beside.receive()
        }
        expectEqual(received, pattern(10_000))
    }

    @Test("what the guest says of the port before it knows of the removal is not taken for the new one")
    func lateMessages() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        // No buffers for control messages: the removal is owed and not told.
        _ = fixture.guest.takeControl()
        let stalled = try DeviceLoopFixture([.port()])
        try stalled.negotiate()
        try stalled.shareMemory()
        try stalled.startRings()
        try stalled.guest.sendDeviceReady()
        try stalled.guest.offerControlBuffers(1)
        try stalled.settle()
        #expect(stalled.guest.takeControl() == [.add(1)])
        #expect(isDone(try stalled.perform(.removePort(1))))
        #expect(isDone(try stalled.add(.port("new", number: 1))))
        try stalled.guest.sendPortReady(1)
        try stalled.guest.sendOpen(1)
        try stalled.settle()
        #expect(try stalled.status(of: 1)?.guestOpen == false)
        #expect(try stalled.status(of: 1)?.guestReady == false)
        #expect(stalled.takeControl() == [remove(1), .add(1)])
        client.close()
    }

    // MARK: Changing

    @Test func anotherSizeReachesTheGuest() throws {
        let fixture = try DeviceLoopFixture([.console()])
        try fixture.boot()
        _ = fixture.takeControl()
        var console = try fixture.endpointConfiguration(0)
        console.size = ConsoleSize(columns: 100, rows: 30)
        #expect(isDone(try fixture.perform(.changePort(console))))
        #expect(fixture.takeControl() == [Told(event: 5, port: 0, tail: [100, 0, 30, 0])])
        #expect(try fixture.status(of: 0)?.settings.columns == 100)
    }

    @Test func aPolicyIsAnotherFromNowOn() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        try fixture.open(1)
        _ = fixture.takeControl()
        try fixture.guest.write([1, 2, 3], port: 1)
        try fixture.settle()
        #expect(fixture.guest.transmitq(1).reap().isEmpty, "block: it waits in the ring")
        var port = try fixture.endpointConfiguration(1)
        port.clientsAbsent = .buffer
        port.bufferByteCount = 2
        #expect(isDone(try fixture.perform(.changePort(port))))
        #expect(fixture.takeControl() == [.open(1, true)])
        let status = try #require(try fixture.status(of: 1))
        #expect(status.toHost.accepted == 3)
        #expect(status.toHost.held == 2)
        #expect(status.toHost.discarded["no-client"] == 1)
        #expect(status.toHost.delivered == 0)
        #expect(try fixture.connect(1).receive() == [2, 3])
    }

    @Test func aSmallerBufferLosesTheOldestBytes() throws {
        let fixture = try DeviceLoopFixture([.port(clientsAbsent: .buffer)])
        try fixture.boot()
        try fixture.open(1)
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        var port = try fixture.endpointConfiguration(1)
        port.bufferByteCount = 10
        #expect(isDone(try fixture.perform(.changePort(port))))
        #expect(try fixture.status(of: 1)?.toHost.discarded["no-client"] == 90)
        #expect(try fixture.connect(1).receive() == pattern(10, from: 90))
        #expect(try fixture.status(of: 1)?.toHost.delivered == 10)
    }

    @Test func aClientIsDisconnectedAndAnotherMayCome() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        #expect(isDone(try fixture.perform(.disconnectClient(port: 1))))
        #expect(client.isCutOff)
        #expect(fixture.takeControl() == [.open(1, false)])
        guard case .refused? = try fixture.perform(.disconnectClient(port: 1)) else {
            Issue.record("nobody was there")
            return
        }
        let next = try fixture.connect(1)
        #expect(fixture.takeControl() == [.open(1, true)])
        next.close()
    }

    // MARK: Looking

    @Test func aSnapshotTellsWhoIsAtBothEnds() throws {
        let (fixture, client) = try DeviceLoopFixture.connected()
        client.send(pattern(100))
        try fixture.guest.write(pattern(50), port: 1)
        try fixture.settle()
        let status = try #require(try fixture.status(of: 1))
        #expect(status.id == "vm.data")
        #expect(status.guestReady)
        #expect(status.guestOpen)
        #expect(status.clients == [ClientStatus(uid: getuid(), gid: getgid(), pid: getpid())])
        #expect(status.toHost.accepted == 50)
        #expect(status.toHost.delivered == 50)
        #expect(status.toGuest.accepted == 100)
        #expect(status.toHost.ring?.size == 64)
        #expect(status.toHost.ring?.layout == (TestRings.arePacked ? .packed : .split))
        #expect(status.toHost.ring?.position == 1)
        #expect(status.toHost.ring?.waiting == 0)
        #expect(status.toGuest.ring?.waiting == 63)
    }

    @Test func aBrokenRingSaysWhy() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot(memory: false)
        let ring = try fixture.status(of: 1)?.toHost.ring
        #expect(ring?.broken != nil || ring == nil)
        #expect(
            fixture.takeEvents().contains {
                guard case .ringFault(_, _, let reason) = $0 else { return false }
                return !reason.isEmpty
            })
    }

    @Test func theFrontendIsToldByProcessAndFeatures() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        guard case .snapshot(let snapshot)? = try fixture.perform(.takeSnapshot) else {
            Issue.record("no snapshot")
            return
        }
        #expect(snapshot.isDriverReady)
        #expect(snapshot.frontend?.pid == getpid())
        #expect(snapshot.frontend?.features.contains("multiport") == true)
        #expect(snapshot.frontend?.features.contains("version-1") == true)
        #expect(snapshot.frontend?.features.contains("ring-packed") == TestRings.arePacked)
        #expect(snapshot.frontend?.protocolFeatures.contains("reply-ack") == true)
    }
}
