import Testing
import VirtioTestSupport

@testable import Virtio

@Suite("IOVectors")
struct IOVectorsTests {
    /// Pieces of one array, by offset and length, so that neighbours touch.
    private func withVectors(
        capacity: Int = 4, _ pieces: [(offset: Int, length: Int)],
        _ body: (inout IOVectors, UnsafeMutableRawBufferPointer) -> Void
    ) {
        var storage = [UInt8](0..<64)
        unsafe storage.withUnsafeMutableBytes { bytes in
            var vectors = IOVectors(capacity: capacity)
            for (offset, length) in pieces {
                let isAppended = unsafe vectors.append(.init(rebasing: bytes[offset..<offset + length]))
                #expect(isAppended)
            }
            unsafe body(&vectors, bytes)
        }
    }

    private func contents(_ vectors: borrowing IOVectors) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: vectors.byteCount)
        let count = unsafe bytes.withUnsafeMutableBytes { unsafe vectors.copyBytes(into: $0) }
        #expect(count == bytes.count)
        return bytes
    }

    // `#expect` cannot look into a value that is not copyable.
    private func expectContents(_ vectors: borrowing IOVectors, _ expected: [UInt8]) {
        let found = contents(vectors)
        #expect(found == expected)
    }

    private func expectCount(_ vectors: borrowing IOVectors, _ expected: Int) {
        let found = vectors.count
        #expect(found == expected)
    }

    private func expectByteCount(_ vectors: borrowing IOVectors, _ expected: Int) {
        let found = vectors.byteCount
        #expect(found == expected)
    }

    @Test func piecesThatTouchBecomeOne() {
        unsafe withVectors([(0, 4), (4, 4), (10, 2)]) { vectors, _ in
            expectCount(vectors, 2)
            expectContents(vectors, [0, 1, 2, 3, 4, 5, 6, 7, 10, 11])
        }
    }

    @Test func aFullListTakesOnlyWhatTouchesItsEnd() {
        unsafe withVectors(capacity: 2, [(0, 2), (8, 2)]) { vectors, bytes in
            let separate = unsafe vectors.append(.init(rebasing: bytes[20..<22]))
            #expect(!separate)
            let touching = unsafe vectors.append(.init(rebasing: bytes[10..<12]))
            #expect(touching)
            expectByteCount(vectors, 6)
        }
    }

    @Test func rollbackUndoesALongerLastPieceToo() {
        unsafe withVectors([(0, 4)]) { vectors, bytes in
            let mark = vectors.mark
            _ = unsafe vectors.append(.init(rebasing: bytes[4..<8]))
            _ = unsafe vectors.append(.init(rebasing: bytes[20..<24]))
            vectors.rollback(to: mark)
            expectContents(vectors, [0, 1, 2, 3])
        }
    }

    @Test func copyingIntoPiecesStopsAtTheShorterSide() {
        unsafe withVectors([(0, 2), (8, 2)]) { vectors, bytes in
            let source: [UInt8] = [100, 101, 102]
            let count = unsafe source.withUnsafeBytes { unsafe vectors.copyBytes(from: $0) }
            #expect(count == 3)
            #expect(unsafe Array(bytes[0..<10]) == [100, 101, 2, 3, 4, 5, 6, 7, 102, 9])
        }
    }
}
