import BasicContainers
import ControlProtocol
import Glibc
import LinuxIO
import Testing
import VirtioConsole
import VirtioTestSupport

@testable import SerialDaemon

/// Several clients of one port: writers and watchers.
@Suite("Endpoints: many clients")
struct ManyClientsTests {
    // MARK: One writer

    @Test func everybodyHears_andOnlyTheFirstIsHeard() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 3)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        try fixture.write(Array("to all".utf8))
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
        let fixture = try DeviceLoopFixture.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let third = try fixture.connect(1)
        try fixture.write([1])
        #expect(third.receive() == [])
        second.close()
        try fixture.settle()
        try fixture.write([2])
        #expect(third.receive() == [2])
        #expect(first.receive() == [1, 2])
        #expect(fixture.takeEvents().filter { "\($0)".contains("clientConnected") }.count == 3)
    }

    @Test func whoFindsNoRoomAfterAChangeWaitsWithoutCost() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 3)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        var port = try fixture.endpointConfiguration(1)
        port.clientLimit = 2
        _ = try fixture.perform(.changePort(port))
        let fourth = try HostClient(connectingTo: fixture.address(of: 1))
        clients[2].close()
        try fixture.settle()
        try fixture.write([1])
        #expect(fourth.receive() == [])
        clients[1].close()
        try fixture.settle()
        try fixture.write([2])
        #expect(fourth.receive() == [2])
    }

    @Test func aSlowWatcherLosesItsOldest_andSlowsNobody() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        setSmallSendBuffer(fixture.loop.endpoints[1].watchers[0].descriptor)
        var sent: [UInt8] = []
        var received: [UInt8] = []
        for index in 0..<100 {
            let piece = [UInt8](repeating: UInt8(index), count: 2000)
            try fixture.write(piece)
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
        let fixture = try DeviceLoopFixture.opened(clients: 3)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let third = try fixture.connect(1)
        _ = fixture.takeControl()
        second.send(Array("was watching".utf8))
        try fixture.write([1])
        first.close()
        try fixture.settle()
        #expect(fixture.takeControl() == [], "for the guest nobody has gone")
        #expect(fixture.guest.read(port: 1) == Array("was watching".utf8))
        try fixture.write([2])
        #expect(second.receive() == [1, 2])
        #expect(third.receive() == [1, 2])
        third.send([3])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [])
        second.send([4])
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [4])
        second.close()
        try fixture.settle()
        third.close()
        try fixture.settle()
        #expect(fixture.takeControl() == [.open(1, false)])
    }

    /// What a watcher has not read yet when it becomes the first is sent before what comes then.
    @Test func nothingIsMissedWhenAWatcherMovesUp() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let sent = try fixture.writeToSlowWatcher()
        _ = first.receive()
        #expect(fixture.loop.endpoints[1].watchers[0].backlogByteCount > 0)
        first.close()
        try fixture.settle()
        try fixture.write([0xff])
        #expect(try fixture.readAll(second) == sent + [0xff])
        let status = try #require(try fixture.status(of: 1)).toHost
        #expect(status.held == 0 && status.delivered == status.accepted)
    }

    /// The first does not read, and what was kept for it before the second came is for the second when the first goes.
    @Test(arguments: [0, 3000, 65536]) func whatWasKeptBeforeAWatcherCameIsNotLost(scrollback: Int) throws {
        let fixture = try DeviceLoopFixture.opened(
            clients: 2, scrollback: scrollback, clientsAbsent: .buffer, isConsole: true)
        let first = try fixture.connect(1)
        try fixture.shrinkBuffer(port: 1)
        var sent: [UInt8] = []
        func write() throws {
            let piece = pattern(3000, from: sent.count)
            try fixture.write(piece)
            sent += piece
        }
        for _ in 0..<6 { try write() }
        let held = try #require(try fixture.status(of: 1)).toHost.held
        #expect(held > 6000)
        let second = try fixture.connect(1)
        try write()
        first.close()
        try fixture.settle()
        try write()
        let received = try fixture.readAll(second)
        #expect(received == Array(sent.suffix(max(Int(held), min(scrollback, 18_000)) + 6000)))
        let status = try #require(try fixture.status(of: 1)).toHost
        #expect(status.held == 0 && status.delivered == status.accepted)
    }

    // MARK: Many writers

    @Test func writersAreHeardInTheOrderOfTheirBytes_andWatchersAreNot() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 3, writers: 2)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        for (index, client) in clients.enumerated() { client.send([UInt8(index), UInt8(index)]) }
        try fixture.settle()
        #expect(fixture.guest.read(port: 1).sorted() == [0, 0, 1, 1])
        // With the first gone the third one is a writer.
        clients[0].close()
        try fixture.settle()
        #expect(fixture.guest.read(port: 1) == [2, 2])
    }

    /// One who has always something to say does not silence the others.
    @Test func writersAreHeardInTurn() throws {
        let fixture = try DeviceLoopFixture([.port()])
        var port = try fixture.endpointConfiguration(1)
        (port.clientLimit, port.writerLimit) = (3, 3)
        _ = try fixture.perform(.changePort(port))
        try fixture.boot()
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        for (index, client) in clients.enumerated() { client.send([UInt8](repeating: UInt8(index), count: 20_000)) }
        try fixture.guest.sendOpen(1)
        try fixture.settle()
        var heard: [UInt8] = []
        for _ in 0..<6 {
            try fixture.guest.offerBuffers(port: 1, count: 1, byteCount: 100)
            try fixture.settle { fixture.loop.refillPorts.isEmpty }
            heard += fixture.guest.read(port: 1)
        }
        #expect(heard.count == 600)
        #expect(Set(heard) == [0, 1, 2])
    }

    @Test func aSlowWriterHoldsTheGuestAndLosesNothing() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2, writers: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let sent = try fixture.writeToSlowWatcher()
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
        let fixture = try DeviceLoopFixture.opened(clients: 2, writers: 2)
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
        let fixture = try DeviceLoopFixture.opened(clients: 2)
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
        let fixture = try DeviceLoopFixture.opened(clients: 2, writers: 2)
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
        let fixture = try DeviceLoopFixture.opened(clients: 2, writers: 2, linger: 1_000_000)
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

    // MARK: Changing and going

    @Test func portSetChangesHowManyMayCome() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 1)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        var port = try fixture.endpointConfiguration(1)
        port.clientLimit = 2
        _ = try fixture.perform(.changePort(port))
        try fixture.settle()
        try fixture.write([7])
        #expect(first.receive() == [7])
        #expect(second.receive() == [7])
    }

    @Test func portSetMakesAWatcherAWriter() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 2)
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
        let fixture = try DeviceLoopFixture.opened(clients: 2)
        let first = try fixture.connect(1)
        let second = try fixture.connect(1)
        let sent = try fixture.writeToSlowWatcher()
        _ = first.receive()
        first.close()
        try fixture.settle()
        var port = try fixture.endpointConfiguration(1)
        port.guestClose = .eof
        _ = try fixture.perform(.changePort(port))
        try fixture.settle()
        #expect(try fixture.readAll(second) == sent)
    }

    @Test func aPortThatGoesEndsAllItsClients() throws {
        let fixture = try DeviceLoopFixture.opened(clients: 3)
        let clients = try (0..<3).map { _ in try fixture.connect(1) }
        _ = try fixture.perform(.removePort(1))
        for client in clients { #expect(client.isAtEnd) }
        #expect(fixture.takeEvents().filter { "\($0)".contains("clientDisconnected") }.count == 3)
    }

    // MARK: At random

    /// Whoever comes and goes: the first one hears everything from its coming on, watchers that read hear it too.
    @Test(arguments: [1, 2, 3, 4, 5]) func clientsThatReadMissNothing(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try DeviceLoopFixture.opened(clients: 4, writers: Int.random(in: 1...4, using: &random))
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
                try fixture.write(piece)
                sent += piece
            }
            for index in clients.indices { clients[index].heard += try fixture.readAll(clients[index].client) }
        }
        for client in clients { #expect(client.heard == Array(sent[client.from...])) }
        #expect(!fixture.hasWork)
    }
}
