import Glibc
import Testing
import VirtioTestSupport

@testable import SerialDaemon
@testable import Virtio

/// A replay buffer and what it must hold; a class, because `#expect` cannot look into a value that is not copyable.
private final class ReplayFixture {
    private var buffer: ReplayBuffer
    private(set) var model: [UInt8] = []
    let capacity: Int

    init(capacity: Int) {
        self.capacity = capacity
        buffer = ReplayBuffer(capacity: capacity)
    }

    /// Appends in both; returns how many bytes were lost in the buffer and in the model.
    func append(_ bytes: [UInt8]) -> (found: Int, expected: Int) {
        let found = unsafe bytes.withUnsafeBytes { unsafe buffer.append($0) }
        return (found, appendToModel(bytes))
    }

    /// Appends pieces as one batch.
    func append(pieces: [[UInt8]]) -> (found: Int, expected: Int) {
        var vectors = IOVectors(capacity: max(1, pieces.count))
        // The pieces lie apart, as a guest's buffers do.
        let storage = unsafe pieces.map { bytes in
            let room = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count + 1, alignment: 1)
            unsafe room.copyBytes(from: bytes)
            return unsafe room
        }
        defer { for index in unsafe storage.indices { unsafe storage[index].deallocate() } }
        for index in pieces.indices where !pieces[index].isEmpty {
            _ = unsafe vectors.append(UnsafeMutableRawBufferPointer(rebasing: storage[index].dropLast()))
        }
        let found = buffer.append(vectors)
        return (found, appendToModel(pieces.flatMap { $0 }))
    }

    func append(_ byte: UInt8) -> (found: Int, expected: Int) {
        (buffer.append(byte), appendToModel([byte]))
    }

    private func appendToModel(_ bytes: [UInt8]) -> Int {
        model += bytes
        let lost = max(0, model.count - capacity)
        model.removeFirst(lost)
        return lost
    }

    func dropFirst(_ byteCount: Int) {
        buffer.dropFirst(byteCount)
        model.removeFirst(byteCount)
    }

    var contents: [UInt8] {
        unsafe buffer.withPieces { pieces in
            unsafe pieces.flatMap { piece in
                unsafe Array(UnsafeRawBufferPointer(start: piece.iov_base, count: piece.iov_len))
            }
        }
    }

    var pieceCount: Int { unsafe buffer.withPieces { $0.count } }
    var count: Int { buffer.count }
    var isEmpty: Bool { buffer.isEmpty }

    func check() {
        #expect(contents == model)
        #expect(count == model.count)
        #expect(isEmpty == model.isEmpty)
        #expect((1...2).contains(pieceCount))
    }
}

@Suite("ReplayBuffer")
struct ReplayBufferTests {
    @Test func beginsEmpty() {
        let fixture = ReplayFixture(capacity: 8)
        fixture.check()
        #expect(fixture.contents == [])
    }

    @Test func keepsTheNewestBytes() {
        let fixture = ReplayFixture(capacity: 4)
        #expect(fixture.append([1, 2, 3]) == (0, 0))
        #expect(fixture.append([4, 5, 6]) == (2, 2))
        #expect(fixture.contents == [3, 4, 5, 6])
        #expect(fixture.append([7, 8, 9, 10, 11, 12]) == (6, 6), "what never had room is lost too")
        #expect(fixture.contents == [9, 10, 11, 12])
    }

    @Test func theRoomOfWhatWasReadIsUsedAgain() {
        let fixture = ReplayFixture(capacity: 4)
        _ = fixture.append([1, 2, 3, 4])
        fixture.dropFirst(3)
        #expect(fixture.append([5, 6]) == (0, 0))
        #expect(fixture.contents == [4, 5, 6])
        #expect(fixture.pieceCount == 2)
        fixture.dropFirst(3)
        #expect(fixture.isEmpty)
    }

    @Test func withoutCapacityEverythingIsLost() {
        let fixture = ReplayFixture(capacity: 0)
        #expect(fixture.append([1, 2]) == (2, 2))
        #expect(fixture.append([]) == (0, 0))
        #expect(fixture.append(pieces: [[1], [2, 3]]) == (3, 3))
        #expect(fixture.append(9) == (1, 1))
        fixture.dropFirst(0)
        fixture.check()
    }

    @Test(arguments: [0, 1, 2, 3, 7, 64, 100, 257], 1...4 as ClosedRange<UInt64>)
    func randomLife(capacity: Int, seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let fixture = ReplayFixture(capacity: capacity)
        for _ in 0..<1_000 {
            func bytes(_ most: Int) -> [UInt8] {
                let byteCount = Int.random(in: 0...most, using: &generator)
                return (0..<byteCount).map { _ in .random(in: 0...(.max), using: &generator) }
            }
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<3:
                let lost = fixture.append(bytes(capacity / 2 + 1))
                #expect(lost.found == lost.expected)
            case 3:
                let lost = fixture.append(bytes(3 * capacity + 1))
                #expect(lost.found == lost.expected)
            case 4, 5:
                let lost = fixture.append(pieces: (0..<3).map { _ in bytes(capacity / 2 + 1) })
                #expect(lost.found == lost.expected)
            case 6:
                let lost = fixture.append(.random(in: 0...(.max), using: &generator))
                #expect(lost.found == lost.expected)
            default: fixture.dropFirst(Int.random(in: 0...fixture.count, using: &generator))
            }
            fixture.check()
        }
    }
}
