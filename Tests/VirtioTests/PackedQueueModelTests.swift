import Testing
import VirtioTestSupport

@testable import Virtio

/// Long random lives of a packed ring: what goes in comes out, once and in order.
@Suite("PackedQueue: model")
struct PackedQueueModelTests {
    static let sizes = [1, 2, 3, 5, 8, 31]

    private func fixture(_ size: Int, _ generator: inout SeededGenerator) throws -> PackedQueueFixture {
        try PackedQueueFixture(
            size: size, features: [.indirectDescriptors],
            startingAt: UInt16.random(in: 0..<UInt16(size), using: &generator)
                | (Bool.random(using: &generator) ? 0x8000 : 0),
            pieceCapacity: Int.random(in: 1...8, using: &generator))
    }

    private func recycle(_ driver: PackedMockDriver) {
        if driver.nextBuffer > TestMemory.usualBase + 0x8_0000 {
            driver.nextBuffer = TestMemory.usualBase + 0x1_0000
        }
    }

    @Test(arguments: sizes, 1...2 as ClosedRange<UInt64>) func randomLifeToHost(size: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let fixture = try fixture(size, &generator)
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        var (receivedCount, taken): (Int, UInt32) = (0, 0)
        var inFlight: [UInt16] = []
        for step in 0..<4000 {
            if Bool.random(using: &generator), fixture.driver.freeSlotCount > 0, step < 3900 {
                recycle(fixture.driver)
                let isIndirect = Int.random(in: 0..<4, using: &generator) == 0
                let limit = isIndirect ? 4 : min(4, fixture.driver.freeSlotCount)
                let pieces = (0..<Int.random(in: 1...limit, using: &generator)).map { _ in
                    (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                        UInt8.random(in: 0...(.max), using: &generator)
                    }
                }
                if isIndirect {
                    let table = pieces.map { piece -> PackedMockDriver.RawDescriptor in
                        let place = fixture.driver.allocate(piece.count)
                        fixture.test.store(piece, at: place)
                        return .init(address: place, length: UInt32(piece.count))
                    }
                    inFlight.append(fixture.driver.addIndirect(table))
                } else {
                    inFlight.append(fixture.driver.add(readable: pieces).id)
                }
                sent += pieces.flatMap { $0 }
            } else {
                let bytes = try fixture.look(offset: taken, byteLimit: Int.random(in: 1...40, using: &generator))
                let moved = step < 3900 ? Int.random(in: 0...bytes.count, using: &generator) : bytes.count
                received += bytes.prefix(moved)
                let progress = fixture.consume(moved)
                taken = progress.chains == 0 ? taken + progress.rest : progress.rest
                if Bool.random(using: &generator) || step >= 3900 { fixture.publish() }
                if Int.random(in: 0..<50, using: &generator) == 0 {
                    fixture.publish()
                    try fixture.restart(features: .indirectDescriptors)
                }
            }
            for used in fixture.driver.takeUsed() {
                try #require(!inFlight.isEmpty, "more is used than there is")
                #expect(used == .init(id: inFlight.removeFirst(), length: 0, isWritten: false))
            }
            fixture.checkInvariants()
            #expect(sent[receivedCount...].starts(with: received[receivedCount...]), "seed \(seed), step \(step)")
            receivedCount = received.count
        }
        #expect(received == sent, "seed \(seed)")
        #expect(inFlight.isEmpty)
        #expect(fixture.driver.freeSlotCount == size)
    }

    @Test(arguments: sizes, 3...4 as ClosedRange<UInt64>) func randomLifeToGuest(size: Int, seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let fixture = try fixture(size, &generator)
        var (sent, received): ([UInt8], [UInt8]) = ([], [])
        var inFlight: [(id: UInt16, places: [(UInt64, Int)])] = []
        for step in 0..<3000 {
            if Bool.random(using: &generator), fixture.driver.freeSlotCount > 0 {
                recycle(fixture.driver)
                let limit = min(3, fixture.driver.freeSlotCount)
                let rooms = (0..<Int.random(in: 1...limit, using: &generator)).map { _ in
                    Int.random(in: 0...9, using: &generator)
                }
                let (id, places) = fixture.driver.add(writable: rooms)
                inFlight.append((id, Array(zip(places, rooms))))
            } else {
                let room = try fixture.look(.deviceWritable, byteLimit: Int.random(in: 1...40, using: &generator)).count
                let bytes = (0..<Int.random(in: 0...room, using: &generator)).map { _ in
                    UInt8.random(in: 0...(.max), using: &generator)
                }
                fixture.fill(bytes)
                sent += bytes
                _ = fixture.useFilled(bytes.count)
                if Bool.random(using: &generator) || step == 2999 { fixture.publish() }
            }
            for used in fixture.driver.takeUsed() {
                try #require(!inFlight.isEmpty, "more is used than there is")
                let chain = inFlight.removeFirst()
                #expect(used.id == chain.id)
                #expect(used.isWritten == (used.length > 0))
                var left = Int(used.length)
                for (place, room) in chain.places {
                    received += fixture.test.load(byteCount: min(left, room), at: place)
                    left -= min(left, room)
                }
                #expect(left == 0, "more is used than there was room for")
            }
            fixture.checkInvariants()
        }
        fixture.publish()
        for used in fixture.driver.takeUsed() {
            var left = Int(used.length)
            for (place, room) in inFlight.removeFirst().places {
                received += fixture.test.load(byteCount: min(left, room), at: place)
                left -= min(left, room)
            }
        }
        #expect(received == sent, "seed \(seed)")
    }
}
