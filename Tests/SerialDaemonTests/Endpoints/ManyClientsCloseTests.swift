import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// What several clients learn of the guest's closing of the port, and who gets what comes then.
@Suite("Endpoints: the guest closes a port of many clients")
struct ManyClientsCloseTests {
    @Test func theOthersAreToldWhenTheFirstLeavesInstead() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, guestClose: .eof)
        let first = try fixture.connect(1)
        try fixture.shrinkBuffer(port: 1)
        let second = try fixture.connect(1)
        for _ in 0..<10 { try fixture.guest.write(pattern(4000), port: 1) }
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(!second.isAtEnd, "the first has not got everything")
        first.close()
        try fixture.settle()
        _ = try fixture.readAll(second)
        #expect(second.isAtEnd)
    }

    @Test func whatIsHeldSinceTheCloseIsForTheNextClient() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, clientsAbsent: .buffer, guestClose: .eof)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try fixture.write(Array("for the next".utf8))
        #expect(try fixture.status(of: 1)?.toHost.held == 12)
        first.close()
        try fixture.settle()
        second.close()
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == Array("for the next".utf8))
    }

    @Test(arguments: [GuestClose.eof, .disconnect]) func allAreToldAfterAllData(guestClose: GuestClose) throws {
        let fixture = try DeviceLoopFixture.opened(clients: 3, writers: 2, guestClose: guestClose)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        try fixture.guest.write(pattern(3000), port: 1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        for client in clients {
            #expect(client.receive() == pattern(3000))
            #expect(client.isAtEnd)
        }
        #expect(fixture.hasClient(1) == (guestClose == .eof))
        // What comes from the next opening is for the next clients.
        try fixture.guest.sendOpen(1)
        try fixture.write([9])
        for client in clients { #expect(client.receive() == []) }
        for client in clients { client.close() }
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == [9])
    }

    /// The end does not wait for one who only watches; what it has not read by then is counted.
    @Test func aSlowWatchersLossIsCounted() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, guestClose: .eof)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let sent = try fixture.writeToSlowWatcher()
        #expect(first.receive() == sent)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        let received = second.receive()
        #expect(second.isAtEnd)
        #expect(received == Array(sent.prefix(received.count)))
        #expect(try fixture.status(of: 1)?.clients.last?.lost == UInt64(sent.count - received.count))
    }

    @Test func aSlowWatchersLossIsToldWhenItIsDisconnected() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, guestClose: .disconnect)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let sent = try fixture.writeToSlowWatcher()
        #expect(first.receive() == sent)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        let lost = sent.count - second.receive().count
        #expect(lost > 0)
        #expect(fixture.lines.contains { $0.contains("was too slow for \(lost) bytes") })
    }

    @Test(arguments: [GuestClose.eof, .disconnect]) func aSlowWriterIsToldAfterAllData(guestClose: GuestClose) throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, writers: 2, guestClose: guestClose)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        let bytes = pattern(30_000)
        for start in stride(from: 0, to: bytes.count, by: 3000) {
            try fixture.guest.write(Array(bytes[start..<start + 3000]), port: 1)
        }
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(!first.isAtEnd, "the other one has not got everything")
        #expect(try fixture.readAll(second) == bytes)
        #expect(second.isAtEnd)
        #expect(first.receive() == bytes)
        #expect(first.isAtEnd)
    }
}
