import Glibc
import LinuxIO
import Synchronization
import Testing

@testable import vserialctl

@Suite("Relay")
struct RelayTests {
    /// A relay between two socket pairs, and the outer ends of both.
    private struct Wiring {
        var relay: Relay
        let near: PortPeer
        let port: PortPeer

        init(ending: Relay.Ending, fromPort filters: [any RelayFilter] = []) throws {
            let near = try socketEnds()
            let port = try socketEnds()
            self.near = near.peer
            self.port = port.peer
            relay = Relay(
                toPort: RelayFlow(from: near.relay, to: port.relay),
                fromPort: RelayFlow(from: port.relay, to: near.relay, filters: filters), endsWith: ending)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64]) func carriesEveryByteBothWaysAtOnce(seed: UInt64) throws {
        var wiring = try Wiring(ending: .bothWays)
        let outward = randomBytes(seed: seed, count: 1_500_000 + Int(seed) * 12_345)
        let inward = randomBytes(seed: seed + 100, count: 1_400_000 + Int(seed))
        let (near, port) = (wiring.near, wiring.port)
        // Four threads, so that nobody has to take turns.
        let heard = HeardBytes()
        let speakers = try [(near, outward), (port, inward)].map { peer, bytes in
            try spawn {
                try? peer.say(bytes)
                try? peer.hangUp()
            }
        }
        let listeners = try [near, port].enumerated().map { index, peer in
            try spawn { heard.set(index, (try? peer.hearRest()) ?? []) }
        }
        let outcome = try wiring.relay.run(until: Deadline(seconds: 20))
        #expect(outcome == .ended)
        for thread in speakers + listeners { thread.join() }
        #expect(heard.get(0) == inward)
        #expect(heard.get(1) == outward)
    }

    @Test func oneWayEndsAndTheOtherGoesOn() throws {
        var wiring = try Wiring(ending: .bothWays)
        try wiring.near.say("question")
        try wiring.near.hangUp()
        let first = try wiring.relay.run(until: Deadline(seconds: 0.2))
        #expect(first == .timedOut)
        // The port has seen the end, and answers only now.
        #expect(try wiring.port.hearRest() == Array("question".utf8))
        try wiring.port.say("answer")
        try wiring.port.hangUp()
        #expect(try wiring.relay.run(until: Deadline(seconds: 20)) == .ended)
        #expect(try wiring.near.hearRest() == Array("answer".utf8))
    }

    @Test func endsWithThePortAlthoughTheNearEndStays() throws {
        var wiring = try Wiring(ending: .port)
        try wiring.port.say("last words")
        try wiring.port.hangUp()
        #expect(try wiring.relay.run(until: Deadline(seconds: 20)) == .ended)
        #expect(wiring.relay.fromPort.end == .endOfFile)
        #expect(try wiring.near.hear(10) == Array("last words".utf8))
    }

    @Test func comesBackForAWatchedDescriptor() throws {
        var wiring = try Wiring(ending: .bothWays)
        let event = try EventFileDescriptor()
        try event.signal()
        let outcome = try wiring.relay.run(watching: [event.rawValue], until: Deadline(seconds: 20))
        #expect(outcome == .readable(event.rawValue))
    }

    @Test func aFilterStopsBehindWhatItLetThrough() throws {
        var wiring = try Wiring(ending: .port, fromPort: [UntilFilter("stop")])
        try wiring.port.say("one stop two")
        #expect(try wiring.relay.run(until: Deadline(seconds: 20)) == .stopped)
        try wiring.near.say("x")
        #expect(try wiring.near.hear(8) == Array("one stop".utf8))
    }
}

/// What two listeners heard.
final class HeardBytes: Sendable {
    private let bytes = Mutex<[Int: [UInt8]]>([:])
    func set(_ index: Int, _ value: [UInt8]) { bytes.withLock { $0[index] = value } }
    func get(_ index: Int) -> [UInt8]? { bytes.withLock { $0[index] } }
}
