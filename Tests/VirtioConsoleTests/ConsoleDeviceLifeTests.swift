import Testing
import Virtio
import VirtioTestSupport

@testable import VirtioConsole

/// Long random lives of a device: a guest that does what a guest may do and what it may not, clients that come and go,
/// pauses and resets; what holds at any time is checked after every step.
@Suite("ConsoleDevice: random life")
struct ConsoleDeviceLifeTests {
    /// What a guest knows of a port, from the messages that it got, in the order it got them.
    private struct Belief {
        var isReady = false
        /// Whether it was told PORT_ADD since it said that it is ready.
        var wasAdded = false
        var hostIsOpen: Bool? = false
        var owesReady = false
        var wasNamed = false
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func controlMessages(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let descriptions: [Int: PortDescription] = [
            0: PortDescription(name: "c", isConsole: true, size: ConsoleSize(columns: 80, rows: 25)),
            2: PortDescription(name: "two"), 3: PortDescription(name: "three"),
        ]
        let eventIndex: VirtioFeatures = Bool.random(using: &generator) ? .eventIndex : []
        let fixture = try DeviceFixture(ports: descriptions, features: DeviceFixture.usualFeatures.union(eventIndex))
        let size = 1 << Int.random(in: 2...5, using: &generator)
        try fixture.start(.controlReceiveq, size: size)
        try fixture.start(.controlTransmitq, size: 256)
        var offered = 0
        var hostIsOpen: [UInt32: Bool] = [0: false, 2: false, 3: false]
        var beliefs: [UInt32: Belief] = [0: Belief(), 2: Belief(), 3: Belief()]

        func hear(_ message: GuestMessage) {
            offered -= 1
            guard var belief = beliefs[message.port] else {
                Issue.record("seed \(seed): \(message)")
                return
            }
            switch message.event {
            case .portAdd:
                #expect(!belief.wasAdded, "added twice")
                belief.wasAdded = true
                belief.owesReady = true
            case .consolePort: #expect(message.port == 0 && !belief.wasNamed)
            case .resize: #expect(message == .resize(0, 80, 25) && !belief.wasNamed)
            case .portName:
                #expect(message == .name(message.port, descriptions[Int(message.port)]?.name ?? ""))
                belief.wasNamed = true
            case .portOpen:
                #expect(belief.wasNamed, "a port is named before it is open")
                // A guest that knows is told only news.
                if let known = belief.hostIsOpen { #expect(known != (message.value == 1)) }
                belief.hostIsOpen = message.value == 1
            default: Issue.record("seed \(seed): \(message)")
            }
            beliefs[message.port] = belief
        }

        /// Everything that was said is handled before the guest goes on: so the messages of before are told from those
        /// of after.
        func turn() throws {
            while try fixture.receive().isMoreLeft {}
            try fixture.send()
            for message in try fixture.messages() { hear(message) }
            _ = fixture.usedLengths(.controlTransmitq)
        }

        func settle() throws {
            for _ in 0..<100 {
                while 2 * (offered + 1) <= size {
                    fixture.post()
                    offered += 1
                }
                let before = offered
                try turn()
                let owing = beliefs.filter(\.value.owesReady).keys
                for port in owing { try sayReady(port) }
                if offered == before, owing.isEmpty { return }
            }
            Issue.record("seed \(seed): the device never comes to an end")
        }

        func sayReady(_ port: UInt32) throws {
            guard var belief = beliefs[port] else { return }
            // The answer to PORT_ADD: the guest takes the host for closed. Again, after a sleep: it may believe
            // anything.
            belief.hostIsOpen = belief.owesReady ? false : nil
            belief.owesReady = false
            belief.isReady = true
            belief.wasNamed = false
            beliefs[port] = belief
            fixture.say(.portReady, port: port, 1)
            while try fixture.receive().isMoreLeft {}
        }

        for _ in 0..<600 {
            let port = [0, 2, 3].randomElement(using: &generator) ?? 0
            switch Int.random(in: 0..<40, using: &generator) {
            case 0..<10:
                // Two descriptors each, so that no buffer is offered over another.
                if 2 * (offered + 1) <= size {
                    fixture.post(Bool.random(using: &generator) ? [4096] : [8, 100])
                    offered += 1
                }
            case 10..<18:
                let isOpen = Bool.random(using: &generator)
                hostIsOpen[UInt32(port)] = isOpen
                fixture.setHostOpen(isOpen, port: port)
            case 18..<24: if beliefs[UInt32(port)]?.owesReady == true { try sayReady(UInt32(port)) }
            case 24: if beliefs[UInt32(port)]?.isReady == true { try sayReady(UInt32(port)) }
            case 25..<29:
                fixture.say(.portOpen, port: UInt32(port), UInt16.random(in: 0...1, using: &generator))
            case 29..<33:
                // Nonsense.
                let byteCount = Int.random(in: 0...12, using: &generator)
                var bytes = (0..<byteCount).map { _ in UInt8.random(in: 0...(.max), using: &generator) }
                if byteCount >= 8 { bytes[5] = 0xaa }
                fixture.say([bytes])
            case 33:
                // The driver begins anew, with or without new rings.
                try turn()
                if Bool.random(using: &generator) {
                    _ = fixture.stop(.controlReceiveq)
                    _ = fixture.stop(.controlTransmitq)
                    _ = fixture.reset()
                    for port in beliefs.keys { fixture.setHostOpen(hostIsOpen[port] ?? false, port: Int(port)) }
                    for role in [QueueRole.controlReceiveq, .controlTransmitq] { try fixture.startInPlace(role) }
                    offered = 0
                }
                for port in beliefs.keys { beliefs[port] = Belief() }
                fixture.sayDriverIsReady()
                while try fixture.receive().isMoreLeft {}
            case 34..<36:
                // A pause.
                for role in [QueueRole.controlReceiveq, .controlTransmitq] {
                    let base = try #require(fixture.stop(role))
                    for message in role == .controlReceiveq ? try fixture.messages() : [] { hear(message) }
                    try fixture.resume(role, at: base)
                }
            default: try turn()
            }
            #expect(offered >= 0)
        }
        try settle()
        for (port, belief) in beliefs where belief.isReady {
            #expect(belief.hostIsOpen == hostIsOpen[port], "seed \(seed), port \(port)")
            #expect(belief.wasNamed)
        }
    }

    /// A guest's program that opens, writes and closes, again and again, over pauses and with clients that take as much
    /// as they like or leave: every byte is taken once and in order or counted as thrown away, and a batch never has
    /// bytes of both sides of a close.
    @Test(arguments: 1...20 as ClosedRange<UInt64>) func dataToHost(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let fixture = try DeviceFixture(pieceCapacity: Int.random(in: 1...6, using: &generator))
        try fixture.shakeHands()
        let role = QueueRole.transmitq(port: 1)
        let size = 1 << Int.random(in: 2...6, using: &generator)
        try fixture.start(role, size: size, after: Int.random(in: 0...0xffff, using: &generator))
        fixture.say(.portOpen, port: 1, 1)
        _ = try fixture.receive()

        var written = 0
        var taken = 0
        var outstanding = 0
        // Where the program closed the port, in bytes.
        var closes: [Int] = []
        /// A byte says by its place what it must be.
        func bytes(_ range: Range<Int>) -> [UInt8] { range.map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) } }

        for _ in 0..<1_500 {
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<8:
                let pieceCount = Int.random(in: 1...min(3, size), using: &generator)
                guard (outstanding + 1) * 3 <= size || outstanding == 0 else { break }
                let chain = (0..<pieceCount).map { _ in
                    let byteCount = Int.random(in: 0...9, using: &generator)
                    defer { written += byteCount }
                    return bytes(written..<written + byteCount)
                }
                fixture.drivers[role]?.add(readable: chain)
                outstanding += 1
            case 8..<15:
                let limit = Int.random(in: 1...40, using: &generator)
                let wasBeforeClose = !fixture.hasTakenAllBeforeClose(1)
                let found = try fixture.look(1, byteLimit: limit)
                #expect(found == bytes(taken..<taken + found.count), "seed \(seed)")
                if wasBeforeClose, let close = closes.first(where: { $0 >= taken }) {
                    #expect(taken + found.count <= close, "seed \(seed): bytes from behind a close")
                }
                if Int.random(in: 0..<6, using: &generator) == 0 {
                    let before = fixture.counters(1).discardedBytes
                    fixture.discardBatch(1)
                    // Those too of a chain that the batch had no room for.
                    taken += Int(fixture.counters(1).discardedBytes - before)
                } else {
                    let moved = Int.random(in: 0...found.count, using: &generator)
                    fixture.didTake(1, moved)
                    taken += moved
                }
            case 15, 16:
                fixture.say(.portOpen, port: 1, 0)
                fixture.say(.portOpen, port: 1, 1)
                _ = try fixture.receive()
                _ = fixture.usedLengths(.controlTransmitq)
                // A close that comes while another waits changes nothing.
                if closes.allSatisfy({ $0 <= taken }) { closes = [written] }
            case 17:
                taken += Int(try fixture.clientLeaves(1))
                #expect(taken == written, "seed \(seed)")
                #expect(fixture.hasTakenAllBeforeClose(1), "seed \(seed)")
            case 18:
                let base = try #require(fixture.stop(role))
                try fixture.resume(role, at: base)
            default: _ = fixture.publishToHost(1)
            }
            outstanding -= fixture.usedLengths(role).count
            let counters = fixture.counters(1)
            #expect(counters.toHostBytes + counters.discardedBytes == UInt64(taken), "seed \(seed)")
        }
        while taken < written {
            let rest = try fixture.take(1)
            #expect(rest == bytes(taken..<taken + rest.count))
            guard !rest.isEmpty else { break }
            taken += rest.count
        }
        #expect(taken == written, "seed \(seed)")
    }
}
