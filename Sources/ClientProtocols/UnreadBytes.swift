/// What somebody has sent and nobody has taken yet. Every way to take something gives nil, or takes nothing, until
/// enough is there.
///
/// It never asks for more by itself: how much it may hold is for whoever appends to see to, by the limits of the lines.
package struct UnreadBytes {
    /// A line has become longer than it may be.
    package struct EndlessLine: Error {}

    private var bytes: [UInt8] = []
    /// What was taken already.
    private var start = 0
    /// Up to where there is no line's end: one that comes byte by byte is looked through once.
    private var searched = 0

    /// Taken bytes are moved out of the way when there are so many, and not each time.
    private static let slackByteCount = 256 << 10

    package init() {}

    package var count: Int { bytes.count - start }

    package mutating func append(_ more: some Sequence<UInt8>) { bytes += more }

    /// Lets somebody append, without a copy.
    package mutating func append<Outcome, Failure: Error>(
        by body: (inout [UInt8]) throws(Failure) -> Outcome
    ) throws(Failure) -> Outcome {
        try body(&bytes)
    }

    /// At least one byte and at most so many; nil when there is none.
    package mutating func take(atMost limit: Int) -> [UInt8]? {
        guard count > 0 else { return nil }
        let end = min(bytes.count, start + limit)
        defer { forget(upTo: end) }
        return Array(bytes[start..<end])
    }

    /// A line without its end; nil when it has not ended.
    ///
    /// - Throws: when it has more than `maximum` bytes.
    package mutating func takeLine(atMost maximum: Int) throws(EndlessLine) -> [UInt8]? {
        let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n"))
        searched = end ?? bytes.count
        guard searched - start <= maximum else { throw EndlessLine() }
        guard let end else { return nil }
        defer { forget(upTo: end + 1) }
        return Array(bytes[start..<end])
    }

    /// Takes everything up to a byte, and that too; returns whether it was there.
    package mutating func skip(behind byte: UInt8) -> Bool {
        let end = bytes[start...].firstIndex(of: byte)
        forget(upTo: end.map { $0 + 1 } ?? bytes.count)
        return end != nil
    }

    private mutating func forget(upTo end: Int) {
        start = end
        searched = max(searched, end)
        guard start == bytes.count || start > Self.slackByteCount else { return }
        bytes.removeFirst(start)
        searched -= start
        start = 0
    }
}
