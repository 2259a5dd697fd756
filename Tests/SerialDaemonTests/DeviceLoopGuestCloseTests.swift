import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Points 7 and 8 of the port contract: a program in the guest closes a port, perhaps microseconds after it opened it.
@Suite("DeviceLoop: the guest opens and closes")
struct DeviceLoopGuestCloseTests {
    // MARK: What the client sees

    @Test func contract7_keepTellsTheClientNothing() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .keep))
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10))
        #expect(!client.isAtEnd)
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(10, from: 10), port: 1)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10, from: 10))
        #expect(fixture.takeControl() == [])
    }

    @Test func contract7_eofEndsWhatTheClientReceives() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .eof))
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10))
        #expect(client.isAtEnd)
        #expect(!client.isCutOff)
        // It can still send, and what the guest writes now is for the next client.
        client.send(pattern(5))
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(10, from: 10), port: 1)
        try fixture.settle()
        expectEqual(fixture.guest.read(port: 1), pattern(5))
        client.close()
        #expect(fixture.takeControl() == [.open(1, false)])
        let next = try fixture.connect(1)
        expectEqual(next.receive(), pattern(10, from: 10))
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    @Test func contract7_disconnectEndsTheConnection() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .disconnect))
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        expectEqual(client.receive(), pattern(10))
        #expect(client.isCutOff)
        #expect(fixture.takeControl() == [.open(1, false)])
        let next = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(10, from: 10), port: 1)
        try fixture.settle()
        expectEqual(next.receive(), pattern(10, from: 10))
    }

    /// The client takes its time. It gets all that was written before the close, and nothing of what the next program
    /// in the guest writes.
    @Test(arguments: [GuestClose.eof, .disconnect], [ClientsAbsent.block, .buffer])
    func contract7_slowClientGetsExactlyWhatCameBefore(close: GuestClose, absent: ClientsAbsent) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(clientsAbsent: absent, guestClose: close))
        // More than a socket holds by default, so that the rest and what comes after would fit in at once.
        for index in 0..<50 { try fixture.guest.write(pattern(6000, from: 6000 * index), port: 1) }
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        for index in 50..<52 { try fixture.guest.write(pattern(6000, from: 6000 * index), port: 1) }
        try fixture.settle()
        #expect(!client.isAtEnd)
        let received = try fixture.readAll(client)
        expectEqual(received, pattern(300_000))
        #expect(client.isAtEnd)
        client.close()
        try fixture.settle()
        let next = try fixture.connect(1)
        expectEqual(next.receive(), pattern(12_000, from: 300_000))
        #expect(fixture.counters(1).discardedBytes == 0)
    }

    @Test(arguments: [GuestClose.eof, .disconnect])
    func contract7_clientThatLeavesBeforeItIsToldLeavesNoTrace(close: GuestClose) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: close))
        try fixture.shrinkBuffer(port: 1)
        for _ in 0..<5 { try fixture.guest.write(pattern(3000), port: 1) }
        try fixture.settle()
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        for _ in 0..<5 { try fixture.guest.write(pattern(3000), port: 1) }
        try fixture.settle()
        client.close()
        try fixture.settle()
        // The first client's part ended with the close, told or not. The next one gets what came behind it, sees the
        // next close, and only that.
        let next = try fixture.connect(1)
        try fixture.guest.write(pattern(100), port: 1)
        try fixture.settle()
        expectEqual(next.receive(), (0..<5).flatMap { _ in pattern(3000) } + pattern(100))
        #expect(!next.isAtEnd)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(next.isAtEnd)
    }

    @Test(arguments: [GuestClose.eof, .disconnect])
    func contract7_resetOfTheGuestClosesItsPorts(close: GuestClose) throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: close))
        try fixture.rebootGuest()
        #expect(client.isAtEnd)
        #expect(client.isCutOff == (close == .disconnect))
    }

    @Test func contract7_closeWithoutAClientIsForNobody() throws {
        let fixture = try DeviceLoopFixture([.port(guestClose: .disconnect)])
        try fixture.boot()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(pattern(10), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        let client = try fixture.connect(1)
        expectEqual(client.receive(), pattern(10))
        #expect(!client.isAtEnd)
    }

    // MARK: Within one turn

    /// `echo x > /dev/virtio-ports/NAME`, all of it seen at once.
    @Test(arguments: [GuestClose.keep, .eof, .disconnect])
    func contract8_openWriteCloseInOneTurnDeliversTheBytes(close: GuestClose) throws {
        let fixture = try DeviceLoopFixture([.port(guestClose: close)])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        try fixture.guest.write(Array("x\n".utf8), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(client.receive() == Array("x\n".utf8))
        #expect(client.isAtEnd == (close != .keep))
    }

    /// Which came last is what whoever follows the events believes.
    @Test(arguments: [true, false]) func contract8_eventsTellWhichCameLast(endsOpen: Bool) throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        if endsOpen { try fixture.open(1) }
        _ = fixture.takeEvents()
        try fixture.guest.sendOpen(1, !endsOpen)
        try fixture.guest.sendOpen(1, endsOpen)
        try fixture.settle()
        let changes = fixture.takeEvents().compactMap { event -> Bool? in
            guard case .portChanged(_, let isOpen) = event else { return nil }
            return isOpen
        }
        #expect(changes == [!endsOpen, endsOpen])
    }

    /// The control queue's kick is seen a turn before that of the port's queue, where the bytes already are.
    @Test(arguments: [GuestClose.keep, .eof, .disconnect])
    func contract8_closeSeenBeforeTheBytesDoesNotLoseThem(close: GuestClose) throws {
        let fixture = try DeviceLoopFixture([.port(guestClose: close)])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.sendOpen(1)
        fixture.guest.transmitq(1).write(Array("x\n".utf8))
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(client.receive() == Array("x\n".utf8))
        #expect(client.isAtEnd == (close != .keep))
        try fixture.guest.transmitq(1).notify()
        try fixture.settle()
        #expect(client.receive() == [])
        #expect(fixture.guest.transmitq(1).reap().count == 1)
    }

    /// QEMU ends while the guest has the port open: no ring is left that the end could be found in.
    @Test func contract7_theEndOfTheVMIsTheEndOfItsPrograms() throws {
        let (fixture, client) = try DeviceLoopFixture.connected(.port(guestClose: .disconnect))
        try fixture.guest.write([1, 2], port: 1)
        try fixture.disconnectFrontend()
        try fixture.settle()
        #expect(client.receive() == [1, 2])
        #expect(client.isCutOff)
    }

    /// The other way round: the bytes are seen before the opening.
    @Test func contract8_bytesSeenBeforeTheOpeningAreTaken() throws {
        let fixture = try DeviceLoopFixture([.port(guestClose: .disconnect)])
        try fixture.boot()
        let client = try fixture.connect(1)
        try fixture.guest.write([1], port: 1)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.guest.write([2], port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(client.receive() == [1, 2])
        #expect(client.isCutOff)
    }

    /// Bytes for the guest wait: the turn in which it opens the port brings them.
    @Test func contract8_openingIsKnownBeforeBytesAreServed() throws {
        let fixture = try DeviceLoopFixture([.port()])
        try fixture.boot()
        let client = try fixture.connect(1)
        client.send(pattern(10))
        try fixture.settle()
        try fixture.guest.offerBuffers(port: 1)
        try fixture.guest.sendOpen(1)
        try fixture.takeTurn()
        expectEqual(fixture.guest.read(port: 1), pattern(10))
    }
}
