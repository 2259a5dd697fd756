import LinuxIO
import Testing

@testable import vserialctl

@Suite("RelayFlow")
struct RelayFlowTests {
    /// Has always something to say, or ends.
    private final class Source: ByteSource {
        var hasEnded = false
        let descriptor: Int32 = 1000
        /// What it says before it ends; nil for sevens without end.
        private var words: ArraySlice<UInt8>?

        init(_ words: [UInt8]? = nil) { self.words = words?[...] }

        func read(appendingTo bytes: inout [UInt8], atMost limit: Int) -> IOOutcome {
            guard !hasEnded, words?.isEmpty != true else { return .endOfFile }
            let piece = words?.prefix(limit) ?? [UInt8](repeating: 7, count: limit)[...]
            words = words?.dropFirst(limit)
            bytes += piece
            return .bytes(piece.count)
        }
    }

    /// Takes what there is room for.
    private final class Sink: ByteSink {
        var room = 0
        var isGone = false
        var endCount = 0
        private(set) var taken: [UInt8] = []
        let descriptor: Int32 = 1001

        func write(_ bytes: ArraySlice<UInt8>) -> IOOutcome {
            guard !isGone else { return .reset }
            guard room > 0 else { return .wouldBlock }
            let count = min(room, bytes.count)
            room -= count
            taken += bytes.prefix(count)
            return .bytes(count)
        }

        func end() { endCount += 1 }
    }

    @Test func readsNoMoreThanItsBufferWhileNobodyReads() throws {
        let sink = Sink()
        var flow = RelayFlow(from: Source(), to: sink)
        for _ in 0..<100 { try flow.read() }
        #expect(flow.descriptorToRead == nil)
        #expect(flow.descriptorToWrite == sink.descriptor)
        #expect(flow.waitingByteCount == RelayFlow.capacity)
        sink.room = 20_000
        try flow.write()
        #expect(flow.descriptorToRead == 1000)
        #expect(flow.waitingByteCount == RelayFlow.capacity - 20_000)
    }

    /// It is never empty, so what the sink took is moved out of the way again and again.
    @Test(arguments: [1, 2, 3] as [UInt64]) func carriesEveryByteToASinkThatLagsBehind(seed: UInt64) throws {
        let bytes = randomBytes(seed: seed, count: 1_000_000)
        let sink = Sink()
        var flow = RelayFlow(from: Source(bytes), to: sink)
        for room in randomBytes(seed: seed + 100, count: 60) {
            try flow.read()
            sink.room = Int(room) * 100
            try flow.write()
        }
        sink.room = .max
        for _ in 0..<100 {
            try flow.write()
            try flow.read()
        }
        #expect(sink.taken == bytes)
        #expect(sink.endCount == 1)
    }

    @Test func tellsTheSinkOfTheEndOnceAndBehindAllBytes() throws {
        let (source, sink) = (Source(), Sink())
        var flow = RelayFlow(from: source, to: sink)
        try flow.read()
        source.hasEnded = true
        try flow.read()
        #expect(sink.endCount == 0)
        #expect(flow.end == nil)
        sink.room = .max
        try flow.write()
        try flow.write()
        try flow.read()
        #expect(sink.endCount == 1)
        #expect(flow.end == .endOfFile)
        #expect(flow.descriptorToRead == nil)
        #expect(flow.descriptorToWrite == nil)
    }

    @Test func aSinkThatHasGoneEndsIt() throws {
        let sink = Sink()
        sink.isGone = true
        var flow = RelayFlow(from: Source(), to: sink)
        try flow.read()
        #expect(flow.end == .sinkGone)
        #expect(flow.waitingByteCount == 0)
        #expect(sink.endCount == 0)
    }
}
