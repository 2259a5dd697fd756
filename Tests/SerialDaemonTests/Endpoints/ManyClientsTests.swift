import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Several clients of one port: writers, watchers, and what a late one is shown.
@Suite("Endpoints: many clients")
struct ManyClientsTests {
    private static func opened(
        clients: Int, writers: Int = 1, scrollback: Int = 0, clientsAbsent: ClientsAbsent = .block,
        guestClose: GuestClose = .keep, linger: UInt64? = nil
    ) throws -> DeviceLoopFixture {
        var port = PortConfiguration.port(
            clientsAbsent: clientsAbsent, guestClose: guestClose, lingerNanoseconds: linger)
        port.clientLimit = clients
        port.writerLimit = writers
        port.scrollbackByteCount = scrollback
        let fixture = try DeviceLoopFixture([port])
        try fixture.boot()
        try fixture.open(1)
        _ = fixture.takeControl()
        return fixture
    }

    /// The guest writes, and takes back what was used.
    private static func write(_ bytes: [UInt8], _ fixture: DeviceLoopFixture) throws {
        fixture.guest.transmitq(1).reap()
        try fixture.guest.write(bytes, port: 1)
        try fixture.settle()
    }

    // MARK: One writer

    @Test func everybodyHears_andOnlyTheFirstIsHeard() throws {
        let fixture = try Self.opened(clients: 3)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        try Self.write(Array("to all".utf8), fixture)
        for client in clients { #expect(client.receive() == Array("to all".utf8)) }
        for (index, client) in clients.enumerated() { client.send([UInt8(index)]) }
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [0])
        let status = try #require(try fixture.status(of: 1)).clients
        #expect(status.map(\.writes) == [true, false, false])
        #expect(status.map(\.pid) == [getpid(), getpid(), getpid()])
        #expect(!fixture.hasWork)
    }

    @Test func oneMoreThanMayBeWaitsUntilOneHasGone() throws {
        let fixture = try Self.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let third = try fixture.connect(1)
        try Self.write([1], fixture)
        #expect(third.receive() == [])
        second.close()
        try fixture.settle()
        try Self.write([2], fixture)
        #expect(third.receive() == [2])
        #expect(first.receive() == [1, 2])
        #expect(fixture.takeEvents().filter { "\($0)".contains("clientConnected") }.count == 3)
    }

    @Test func aSlowWatcherLosesItsOldest_andSlowsNobody() throws {
        let fixture = try Self.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        var received: [UInt8] = []
        for index in 0..<100 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try Self.write(piece, fixture)
            sent += piece
            received += first.receive()
        }
        #expect(received == sent, "the first one gets everything")
        let lost = try #require(try fixture.status(of: 1)?.clients.last?.lost)
        let seen = try fixture.readAll(second)
        #expect(lost > 100_000)
        #expect(seen.count + Int(lost) == sent.count)
        #expect(seen.suffix(Watcher.backlogByteCount) == sent.suffix(Watcher.backlogByteCount))
        #expect(try fixture.status(of: 1)?.toHost.discarded.values.allSatisfy { $0 == 0 } == true)
    }

    @Test func theOneWhoWaitsLongestTakesTheFirstOnesPlace() throws {
        let fixture = try Self.opened(clients: 3)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let third = try fixture.connect(1)
        _ = fixture.takeControl()
        second.send(Array("was watching".utf8))
        try Self.write([1], fixture)
        fixture.leave(first, port: 1)
        try fixture.settle()
        #expect(fixture.takeControl() == [], "for the guest nobody has gone")
        #expect(fixture.guest.read(port: 1) == Array("was watching".utf8))
        try Self.write([2], fixture)
        #expect(second.receive() == [1, 2])
        #expect(third.receive() == [1, 2])
        third.send([3])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        second.send([4])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [4])
        fixture.leave(second, port: 1)
        try fixture.settle()
        fixture.leave(third, port: 1)
        try fixture.settle()
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    /// What a watcher has not read yet when it becomes the first is sent before what comes then.
    @Test func nothingIsMissedWhenAWatcherMovesUp() throws {
        let fixture = try Self.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        for index in 0..<20 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try Self.write(piece, fixture)
            sent += piece
        }
        _ = first.receive()
        #expect(fixture.loop.endpoints[1].watchers[0].backlogByteCount > 0)
        fixture.leave(first, port: 1)
        try fixture.settle()
        try Self.write([0xff], fixture)
        #expect(try fixture.readAll(second) == sent + [0xff])
        let status = try #require(try fixture.status(of: 1)).toHost
        #expect(status.held == 0 && status.delivered == status.accepted)
    }

    // MARK: Many writers

    @Test func writersAreHeardInTheOrderOfTheirBytes_andWatchersAreNot() throws {
        let fixture = try Self.opened(clients: 3, writers: 2)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        for (index, client) in clients.enumerated() { client.send([UInt8(index), UInt8(index)]) }
        try fixture.settle()
        #expect(fixture.guest.read(port: 1).sorted() == [0, 0, 1, 1])
        // With the first gone the third one is a writer.
        fixture.leave(clients[0], port: 1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [2, 2])
    }

    @Test func aSlowWriterHoldsTheGuestAndLosesNothing() throws {
        let fixture = try Self.opened(clients: 2, writers: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        for index in 0..<20 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try Self.write(piece, fixture)
            sent += piece
        }
        // What one turn took is kept for it, and the rest waits in the ring.
        let taken = fixture.counters(1).toHostBytes
        #expect(taken < 40_000)
        #expect(!fixture.hasWork)
        let heard = try fixture.readAll(second)
        #expect(heard == sent)
        #expect(try fixture.readAll(first) == sent)
        #expect(try fixture.status(of: 1)?.clients.last?.lost == 0)
    }

    @Test func lastWordsOfAWriterReachTheGuest() throws {
        let fixture = try Self.opened(clients: 2, writers: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        second.send(Array("last words".utf8))
        second.close()
        try fixture.settle()
        #expect(try fixture.status(of: 1)?.clients.count == 2, "still to be read")
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == Array("last words".utf8))
        #expect(try fixture.status(of: 1)?.clients.count == 1)
        drop(first)
    }

    /// More than a watcher's backlog in one turn: one who reads has room for it all the same.
    @Test func aWatcherThatReadsHearsAllOfABulkTransfer() throws {
        let fixture = try Self.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        var sent: [UInt8] = []
        for index in 0..<6 {
            let piece = [UInt8](repeating: UInt8(index), count: 32 << 10)
            try fixture.guest.write(piece, port: 1)
            sent += piece
        }
        var heard: [[UInt8]] = [[], []]
        for _ in 0..<20 {
            try fixture.takeTurn()
            heard[0] += first.receive()
            heard[1] += second.receive()
        }
        #expect(heard[0] == sent)
        #expect(heard[1] == sent)
        #expect(try fixture.status(of: 1)?.clients.last?.lost == 0)
    }

    @Test func aWriterThatHasGoneMakesRoom() throws {
        let fixture = try Self.opened(clients: 2, writers: 2)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        second.close()
        try fixture.settle()
        #expect(try fixture.status(of: 1)?.clients.count == 1)
        drop(first)
    }

    @Test func lingerBoundsWhatAWriterLeaves() throws {
        let fixture = try Self.opened(clients: 2, writers: 2, linger: 1_000_000)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        second.send([1, 2, 3])
        second.close()
        try fixture.settle { fixture.loop.endpoints[1].watchers.isEmpty }
        #expect(fixture.counters(1).unreadBytes == 3)
        drop(first)
    }

    // MARK: The guest closes the port

    @Test func theOthersAreToldWhenTheFirstLeavesInstead() throws {
        let fixture = try Self.opened(clients: 2, guestClose: .eof)
        let first = try fixture.connect(1)
        try fixture.shrinkBuffer(port: 1)
        let second = try fixture.connect(1)
        for _ in 0..<10 { try fixture.guest.write(pattern(4000), port: 1) }
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        #expect(!second.isAtEnd, "the first has not got everything")
        fixture.leave(first, port: 1)
        try fixture.settle()
        _ = try fixture.readAll(second)
        #expect(second.isAtEnd)
    }

    @Test func whatIsHeldSinceTheCloseIsForTheNextClient() throws {
        let fixture = try Self.opened(clients: 2, clientsAbsent: .buffer, guestClose: .eof)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        try fixture.guest.sendOpen(1, false)
        try fixture.settle()
        try fixture.guest.sendOpen(1)
        try Self.write(Array("for the next".utf8), fixture)
        #expect(try fixture.status(of: 1)?.toHost.held == 12)
        fixture.leave(first, port: 1)
        try fixture.settle()
        fixture.leave(second, port: 1)
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == Array("for the next".utf8))
    }

    @Test(arguments: [GuestClose.eof, .disconnect]) func allAreToldAfterAllData(guestClose: GuestClose) throws {
        let fixture = try Self.opened(clients: 3, writers: 2, guestClose: guestClose)
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
        try Self.write([9], fixture)
        for client in clients { #expect(client.receive() == []) }
        for client in clients { client.close() }
        try fixture.settle()
        let next = try fixture.connect(1)
        #expect(next.receive() == [9])
    }

    @Test(arguments: [GuestClose.eof, .disconnect]) func aSlowWriterIsToldAfterAllData(guestClose: GuestClose) throws {
        let fixture = try Self.opened(clients: 2, writers: 2, guestClose: guestClose)
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

    // MARK: Coming late

    @Test(arguments: ClientsAbsent.allCases) func scrollbackShowsTheNewestBytes(clientsAbsent: ClientsAbsent) throws {
        let fixture = try Self.opened(clients: 2, scrollback: 10, clientsAbsent: clientsAbsent)
        let first = try fixture.connect(1)
        try Self.write(Array("0123456789abcdef".utf8), fixture)
        #expect(first.receive() == Array("0123456789abcdef".utf8))
        let second = try fixture.connect(1)
        #expect(second.receive() == Array("6789abcdef".utf8))
        second.close()
        try fixture.settle()
        fixture.leave(first, port: 1)
        try fixture.settle()
        let third = try fixture.connect(1)
        #expect(third.receive() == Array("6789abcdef".utf8))
        try Self.write(Array("!".utf8), fixture)
        #expect(third.receive() == Array("!".utf8))
        let status = try #require(try fixture.status(of: 1)).toHost
        #expect(status.accepted == 17 && status.delivered == 17 && status.held == 0)
    }

    /// What nobody has had comes with what others have had before it, once.
    @Test func whatIsKeptAndWhatIsRememberedAreOne() throws {
        let fixture = try Self.opened(clients: 1, scrollback: 8, clientsAbsent: .buffer)
        let first = try fixture.connect(1)
        try Self.write(Array("seen".utf8), fixture)
        fixture.leave(first, port: 1)
        try fixture.settle()
        try Self.write(Array("new".utf8), fixture)
        #expect(try fixture.status(of: 1)?.toHost.held == 3)
        let second = try fixture.connect(1)
        #expect(second.receive() == Array("seennew".utf8))
        #expect(try fixture.status(of: 1)?.toHost.delivered == 7)
    }

    @Test func portSetChangesHowManyMayCome() throws {
        let fixture = try Self.opened(clients: 1)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        var port = try fixture.endpointConfiguration(1)
        port.clientLimit = 2
        _ = try fixture.perform(.changePort(port))
        try fixture.settle()
        try Self.write([7], fixture)
        #expect(first.receive() == [7])
        #expect(second.receive() == [7])
    }

    @Test func portSetMakesAWatcherAWriter() throws {
        let fixture = try Self.opened(clients: 2)
        let clients = try (0..<2).map { _ in try fixture.connect(1) }
        clients[1].send([5])
        try fixture.settle()
        var port = try fixture.endpointConfiguration(1)
        port.writerLimit = 2
        _ = try fixture.perform(.changePort(port))
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [5])
    }

    /// One that has just moved up has still to get what it was too slow for.
    @Test func portSetTakesNothingFromAClientThatMovedUp() throws {
        let fixture = try Self.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        for index in 0..<20 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try Self.write(piece, fixture)
            sent += piece
        }
        _ = first.receive()
        fixture.leave(first, port: 1)
        try fixture.settle()
        var port = try fixture.endpointConfiguration(1)
        port.guestClose = .eof
        _ = try fixture.perform(.changePort(port))
        try fixture.settle()
        #expect(try fixture.readAll(second) == sent)
    }

    @Test func lastWordsThatComeOnNoRingAreShownToALateClient() throws {
        let fixture = try EndpointFixture(.buffer, isConsole: true, bufferByteCount: 64, scrollbackByteCount: 8)
        let first = try fixture.connect()
        #expect(try fixture.send(Array("delivered".utf8)) == 9)
        fixture.copyToHost(Array("delivered".utf8))
        fixture.disconnect()
        #expect(try fixture.takeEmergency(0x21) == 0)
        let second = try fixture.connect()
        try fixture.sendReplay()
        #expect(try second.read() == Array("livered!".utf8))
        drop(first)
    }

    @Test func aPortThatGoesEndsAllItsClients() throws {
        let fixture = try Self.opened(clients: 3)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        _ = try fixture.perform(.removePort(1))
        for client in clients { #expect(client.isAtEnd) }
        #expect(fixture.takeEvents().filter { "\($0)".contains("clientDisconnected") }.count == 3)
    }

    // MARK: At random

    /// Whoever comes and goes: the first one hears everything from its coming on, watchers that read hear it too.
    @Test(arguments: [1, 2, 3, 4, 5]) func clientsThatReadMissNothing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try Self.opened(clients: 4, writers: Int.random(in: 1...4, using: &random))
        var clients: [(client: HostClient, heard: [UInt8], from: Int)] = []
        var sent: [UInt8] = []
        for step in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0 where clients.count < 4:
                clients.append((try fixture.connect(1), [], sent.count))
            case 1 where clients.count > 1:
                let index = Int.random(in: 0..<clients.count, using: &random)
                clients.remove(at: index).client.close()
                try fixture.settle()
            default:
                guard !clients.isEmpty else { continue }
                let piece = [UInt8](repeating: UInt8(step & 0xff), count: Int.random(in: 1...3000, using: &random))
                try Self.write(piece, fixture)
                sent += piece
            }
            for index in clients.indices { clients[index].heard += try fixture.readAll(clients[index].client) }
        }
        for client in clients { #expect(client.heard == Array(sent[client.from...])) }
        #expect(!fixture.hasWork)
    }
}
