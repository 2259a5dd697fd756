import LinuxIO
import Testing

@testable import vserialctl

@Suite("RelayFlow")
struct RelayFlowTests {
    /// Has always something to say, or ends.
    private final class Source: ByteSource {
        var hasEnded = false
        let descriptor: Int32 = 1000

        func read(appendingTo bytes: inout [UInt8], atMost limit: Int) -> IOOutcome {
            guard !hasEnded else { return .endOfFile }
            bytes += [UInt8](repeating: 7, count: limit)
            return .bytes(limit)
        }
    }

    /// Takes what there is room for.
    private final class Sink: ByteSink {
        var room = 0
        var isGone = false
        var endCount = 0
        let descriptor: Int32 = 1001

        func write(_ bytes: ArraySlice<UInt8>) -> IOOutcome {
            guard !isGone else { return .reset }
            guard room > 0 else { return .wouldBlock }
            let count = min(room, bytes.count)
            room -= count
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
