import LinuxIO

/// One direction of a relay: a source, a sink, and a bounded buffer between them.
struct RelayFlow {
    /// Why nothing comes any more.
    enum End {
        /// The source has ended, and everything was written.
        case endOfFile
        /// Nobody reads.
        case sinkGone
    }

    /// A source is read while fewer bytes than this wait for the sink.
    static let capacity = 65536
    /// What is read at once.
    private static let pieceByteCount = 16384

    private let source: any ByteSource
    private let sink: any ByteSink
    private let filters: [any RelayFilter]
    /// Read and not yet written: what stands behind `start`.
    private var buffer: [UInt8] = []
    private var start = 0
    private var hasSourceEnded = false
    private var verdict = RelayVerdict.goOn
    private(set) var end: End?
    /// How many bytes the sink has taken.
    private(set) var writtenByteCount: UInt64 = 0

    init(from source: any ByteSource, to sink: any ByteSink, filters: [any RelayFilter] = []) {
        self.source = source
        self.sink = sink
        self.filters = filters
    }

    /// How many bytes wait for the sink.
    var waitingByteCount: Int { buffer.count - start }

    /// What to wait for; nil for nothing.
    var descriptorToRead: Int32? {
        let isWanted = end == nil && !hasSourceEnded && waitingByteCount < Self.capacity
        return isWanted ? source.descriptor : nil
    }

    var descriptorToWrite: Int32? { end == nil && waitingByteCount > 0 ? sink.descriptor : nil }

    /// Whether a filter has ended the relay, and all was written that it wanted written.
    var isStopped: Bool {
        switch verdict {
        case .goOn: false
        case .stopNow: true
        case .stopWhenWritten: waitingByteCount == 0 || end != nil
        }
    }

    /// Moves what the source has.
    mutating func read() throws(CommandFailure) {
        guard descriptorToRead != nil else { return }
        var piece: [UInt8] = []
        switch try source.read(appendingTo: &piece, atMost: Self.pieceByteCount) {
        case .wouldBlock: return
        case .bytes:
            for filter in filters where verdict == .goOn { verdict = try filter.pass(&piece) }
            buffer += piece
            if verdict != .goOn { hasSourceEnded = true }
        case .endOfFile, .reset: hasSourceEnded = true
        }
        try write()
    }

    /// Moves what the sink has room for.
    mutating func write() throws(CommandFailure) {
        guard end == nil else { return }
        while waitingByteCount > 0 {
            switch try sink.write(buffer[start...]) {
            case .bytes(let count):
                start += count
                writtenByteCount += UInt64(count)
            case .wouldBlock: return compact()
            case .endOfFile, .reset:
                end = .sinkGone
                buffer = []
                start = 0
                return
            }
        }
        compact()
        // After a filter's word there may be more to say to the sink, and the source has not ended.
        guard hasSourceEnded, verdict == .goOn else { return }
        end = .endOfFile
        try sink.end()
    }

    /// Makes room, at a cost of less than one copy of each byte.
    private mutating func compact() {
        guard start == buffer.count || start > Self.capacity else { return }
        buffer.removeFirst(start)
        start = 0
    }
}
