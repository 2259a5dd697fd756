import Testing
import VirtioTestSupport

@testable import Virtio

/// Small rings exhaustively, and long random lives of a ring, against a model of a few lines.
@Suite("Virtqueue: model")
struct VirtqueueModelTests {
    typealias Raw = MockDriver.RawDescriptor

    /// What a table of up to four descriptors means, computed without looking at how the walk is written: nil for a
    /// chain that must be refused.
    private func model(_ table: [Raw], head: Int, writable: Bool) -> Int? {
        var index = head
        var path: [Raw] = []
        while true {
            guard index < table.count, path.count < table.count else { return nil }
            path.append(table[index])
            guard table[index].flags & MockDriver.next != 0 else { break }
            index = Int(table[index].next)
        }
        let directions = path.map { $0.flags & MockDriver.write != 0 }
        guard directions == directions.sorted(by: { !$0 && $1 }) else { return nil }
        if writable, directions.contains(false) { return nil }
        return path.filter { ($0.flags & MockDriver.write != 0) == writable }.reduce(0) { $0 + Int($1.length) }
    }

    @Test(arguments: [1, 2]) func everySmallTableIsJudgedAsTheModelSays(size: Int) throws {
        let flagChoices: [UInt16] = [0, 1, 2, 3]
        let nexts = Array(0...UInt16(size))
        let lengths: [UInt32] = [0, 3]
        // All descriptors that differ in flags, next and length.
        let choices = flagChoices.flatMap { flags in
            nexts.flatMap { next in
                lengths.map { Raw(address: TestMemory.usualBase + 0x800, length: $0, flags: flags, next: next) }
            }
        }
        let tables = size == 1 ? choices.map { [$0] } : choices.flatMap { first in choices.map { [first, $0] } }
        // One memory for all: the test's time would go into mmap.
        let test = try TestMemory(byteCount: 0x1000)
        for table in tables {
            for head in 0...size {
                for writable in [false, true] {
                    let fixture = try QueueFixture(size: size, test: test)
                    for (index, descriptor) in table.enumerated() {
                        fixture.driver.write(descriptor, atIndex: index)
                    }
                    fixture.driver.makeAvailable(UInt16(head))
                    let expected = model(table, head: head, writable: writable)
                    let found = try? fixture.look(writable ? .deviceWritable : .deviceReadable).count
                    #expect(found == expected, "\(table) from \(head), \(writable ? "writable" : "readable")")
                }
            }
        }
    }

    /// A guest that writes and a device that takes, each a random number of chains and bytes at a time: every byte
    /// arrives once and in order.
    @Test(arguments: 1...8 as ClosedRange<UInt64>) func randomLifeToHost(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let size = 1 << Int.random(in: 0...5, using: &generator)
        let fixture = try QueueFixture(
            size: size, features: Bool.random(using: &generator) ? [.eventIndex] : [],
            startingAt: UInt16.random(in: 0...(.max), using: &generator),
            pieceCapacity: Int.random(in: 1...8, using: &generator))
        var sent: [UInt8] = []
        var received: [UInt8] = []
        var outstanding = 0
        var taken: UInt32 = 0
        for _ in 0..<2_000 {
            if Bool.random(using: &generator) {
                let pieceCount = Int.random(in: 1...max(1, min(3, size)), using: &generator)
                let pieces = (0..<pieceCount).map { _ in
                    (0..<Int.random(in: 0...9, using: &generator)).map { _ in
                        UInt8.random(in: 0...(.max), using: &generator)
                    }
                }
                // Descriptors are taken round robin, so as many chains as fit even if all were long.
                if (outstanding + 1) * 3 <= size || outstanding == 0 {
                    fixture.driver.add(readable: pieces)
                    sent += pieces.flatMap { $0 }
                    outstanding += 1
                    if fixture.driver.nextBuffer > TestMemory.usualBase + 0x8_0000 {
                        fixture.driver.nextBuffer = TestMemory.usualBase + 0x1_0000
                    }
                }
            } else {
                let bytes = try fixture.look(offset: taken, byteLimit: Int.random(in: 1...40, using: &generator))
                let moved = Int.random(in: 0...bytes.count, using: &generator)
                received += bytes.prefix(moved)
                let progress = fixture.consume(moved)
                taken = progress.chains == 0 ? taken + progress.rest : progress.rest
                fixture.publish()
            }
            outstanding -= fixture.driver.takeUsed().count
            fixture.checkInvariants()
            #expect(sent.starts(with: received))
        }
        while received.count < sent.count {
            let bytes = try fixture.look(offset: taken)
            received += bytes
            let progress = fixture.consume(bytes.count)
            taken = progress.chains == 0 ? taken + progress.rest : progress.rest
        }
        #expect(received == sent, "seed \(seed)")
    }
}
