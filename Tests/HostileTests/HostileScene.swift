import BasicContainers
import LinuxIO
import Testing
import VirtioTestSupport

@testable import SerialDaemon
@testable import SerialDaemonTests

/// A guest with two open ports and a client at each. What is done to the one must not be felt at the other.
final class HostileScene {
    let fixture: DeviceLoopFixture
    /// The client of port 1, whose rings are misused.
    let victim: HostClient
    /// The client of port 2.
    let bystander: HostClient
    private var trafficCount = 0

    init(
        _ port: PortConfiguration = .port("victim", number: 1), memory: TestMemory? = nil, ringSize: Int = 64
    ) throws {
        MappedMemory.installFaultGuard()
        fixture = try DeviceLoopFixture(
            [port, .port("bystander", number: 2)], ringSize: ringSize, memory: memory)
        try fixture.boot()
        victim = try fixture.connect(1)
        bystander = try fixture.connect(2)
        try fixture.open(1)
        try fixture.open(2)
        _ = fixture.takeControl()
    }

    var guest: TestGuest { fixture.guest }
    /// The ring that most tests misuse.
    var transmitq: GuestQueue { guest.transmitq(1) }
    var receiveq: GuestQueue { guest.receiveq(1) }

    /// Port 2 moves bytes both ways, each of them right, and all its chains come back.
    func expectBystanderLives(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try expectTraffic(bystander, port: 2, sourceLocation: sourceLocation)
    }

    /// Port 1 does, too.
    func expectVictimLives(sourceLocation: SourceLocation = #_sourceLocation) throws {
        try expectTraffic(victim, port: 1, sourceLocation: sourceLocation)
    }

    private func expectTraffic(_ client: HostClient, port: Int, sourceLocation: SourceLocation) throws {
        trafficCount += 1
        try guest.offerBuffers(port: port)
        try guest.write(pattern(100, from: trafficCount), port: port)
        client.send(pattern(50, from: trafficCount))
        try fixture.settle()
        expectEqual(client.receive(), pattern(100, from: trafficCount), sourceLocation: sourceLocation)
        expectEqual(guest.read(port: port), pattern(50, from: trafficCount), sourceLocation: sourceLocation)
        guest.transmitq(port).reap()
        #expect(guest.transmitq(port).inFlight.isEmpty, sourceLocation: sourceLocation)
    }

    /// With nothing to be done the loop sleeps: while it is left alone for a while it takes few turns, and next to none of
    /// the processor's time.
    func expectIdle(sourceLocation: SourceLocation = #_sourceLocation) throws {
        let time = 200_000_000 as UInt64
        let (start, used) = (MonotonicClock.nanoseconds(), ProcessFigures.threadNanoseconds)
        var turnCount = 0
        while MonotonicClock.nanoseconds() - start < time {
            try fixture.loop.turn(timeoutMilliseconds: 50)
            turnCount += 1
        }
        // Four that wait to their end, and those that a timer ends which is no longer needed.
        #expect(turnCount <= 8, sourceLocation: sourceLocation)
        #expect(ProcessFigures.threadNanoseconds - used < time / 50, sourceLocation: sourceLocation)
    }

    /// A ring is looked at, and found broken for a reason that the log names; nothing else is.
    func expectBroken(
        _ queue: GuestQueue, because reason: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try queue.kick.signal()
        try fixture.settle()
        let isRunning = fixture.isRunning(queue)
        #expect(!isRunning, sourceLocation: sourceLocation)
        #expect(try queue.isReportedBroken(), sourceLocation: sourceLocation)
        #expect(
            fixture.lines.contains { $0.contains("queue \(queue.index) is broken") && $0.contains(reason) },
            "\(fixture.lines.last ?? "nothing was logged")", sourceLocation: sourceLocation)
        #expect(fixture.runningCount == guest.queues.count - 1, sourceLocation: sourceLocation)
        try expectBystanderLives(sourceLocation: sourceLocation)
    }

    /// The front-end stops a ring, the guest makes it anew, and it starts again.
    func renew(_ queue: GuestQueue) throws {
        try fixture.stop(queue)
        queue.reset()
        fixture.bases[queue.index] = TestRings.freshBase
        try fixture.restart(queue)
    }

    // MARK: The front-end

    /// Says something that may be refused; tells whether it was obeyed.
    func isObeyed(_ message: FakeMessage) throws -> Bool {
        let answer = try #require(try fixture.say(message.needingReply))
        #expect(answer.flags == 0x5)
        #expect(answer.request == message.request)
        return answer.value == 0
    }

    /// Sends messages that all ask for an answer, a few at a time, and takes exactly one answer to each.
    @discardableResult
    func sayAll(_ messages: [FakeMessage]) throws -> [FakeFrontend.Answer] {
        var answers: [FakeFrontend.Answer] = []
        var rest = messages[...]
        while !rest.isEmpty {
            let few = rest.prefix(8)
            for message in few { try fixture.frontend.wire.send(message.needingReply) }
            try fixture.settle()
            for message in few {
                let answer = try fixture.frontend.wire.receive()
                #expect(answer.flags == 0x5)
                #expect(answer.request == message.request)
                answers.append(answer)
            }
            rest = rest.dropFirst(few.count)
        }
        #expect(fixture.frontend.isQuiet)
        return answers
    }

    /// Sends messages none of which is as it should be, and expects each to be refused. What is answered with something of
    /// its own has no word for that, and is left out.
    func expectRefusals(
        of messages: [FakeMessage], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        for (message, answer) in zip(messages, try sayAll(messages)) where !message.expectsAnswer {
            #expect(
                answer.value != 0,
                "request \(message.request), \(message.payload.count) bytes, \(message.descriptors.count) descriptors",
                sourceLocation: sourceLocation)
        }
    }

    /// The front-end goes, and one with a guest that begins anew finds a device like new.
    func startOver() throws {
        try fixture.disconnectFrontend()
        guest.reset()
        fixture.bases = fixture.bases.map { _ in TestRings.freshBase }
        try fixture.connectFrontend()
        try fixture.boot()
        for port in 1...2 { try fixture.open(port) }
        _ = fixture.takeControl()
        _ = victim.receive()
        _ = bystander.receive()
        for port in 1...2 {
            // What a client sent before may be more than the ring's buffers hold.
            repeat {
                _ = guest.read(port: port)
                try guest.offerBuffers(port: port)
                try fixture.settle()
            } while fixture.loop.endpoints[port].unreadByteCount > 0
            _ = guest.read(port: port)
        }
    }
}
