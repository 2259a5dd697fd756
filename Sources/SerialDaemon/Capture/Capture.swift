import ControlProtocol
import LinuxIO

/// A capture that runs: its tap, where its packets go, and what has gone there.
///
/// ## Concurrency
/// On the control thread; the tap is shared with the device thread.
final class Capture {
    /// Where packets go.
    enum Destination {
        case file(CaptureFile, name: String)
        /// To the connection of this number.
        case stream(UInt32)
    }

    let tap: CaptureTap
    private let destination: Destination
    private let portNames: [String]
    /// Whether whoever started it has its number: nothing of it is sent before.
    var hasBegun = false
    private var byteCount: UInt64 = 0
    /// Packets that have gone to where they go, and those that were taken from the tap for nothing.
    private var (packetCount, discardedCount): (UInt64, UInt64) = (0, 0)
    private var hasSentHeader = false

    init(_ tap: CaptureTap, portNames: [String], to destination: Destination) {
        self.tap = tap
        self.portNames = portNames
        self.destination = destination
    }

    /// The connection that a stream goes to.
    var connection: UInt32? {
        switch destination {
        case .file: nil
        case .stream(let number): number
        }
    }

    /// What the files are called that it goes to.
    var fileNames: CaptureFileNames? {
        switch destination {
        case .file(let file, _): file.names
        case .stream: nil
        }
    }

    var status: CaptureStatus {
        let file: String? =
            switch destination {
            case .file(_, let name): name
            case .stream: nil
            }
        return CaptureStatus(
            capture: tap.number, ports: portNames, file: file, packets: packetCount, bytes: byteCount, lost: lostCount)
    }

    var totals: CaptureTotals {
        CaptureTotals(packets: packetCount, bytes: byteCount, lost: lostCount)
    }

    private var lostCount: UInt64 { tap.lostCount &+ discardedCount }

    // MARK: A file

    /// Writes what waits to the file; a stream has none.
    func write() throws(CaptureFile.End) {
        guard case .file(let file, _) = destination else { return }
        let outcome = file.append(tap.take().blocks)
        packetCount &+= UInt64(outcome.packetCount)
        discardedCount &+= UInt64(outcome.lostCount)
        byteCount &+= UInt64(outcome.byteCount)
        if let end = outcome.end { throw end }
    }

    /// Writes the last packets and the numbers at the end, which a file that is full has room for too.
    func finish() throws(CaptureFile.End) {
        guard case .file(let file, _) = destination else { return }
        try? write()
        let statistics = statistics
        try file.finish(statistics)
        byteCount &+= UInt64(statistics.count)
    }

    // MARK: A stream

    /// The next piece of a stream, the file's beginning first; empty when nothing waits.
    func takePiece() -> [UInt8] {
        let waiting = tap.take()
        packetCount &+= waiting.packetCount
        return piece(waiting.blocks)
    }

    /// The last piece of a stream.
    ///
    /// - Parameter keepingPackets: whether there is room for the packets that wait; otherwise they are lost.
    /// - Returns: these packets, and the numbers at the end.
    func takeLastPiece(keepingPackets: Bool) -> [UInt8] {
        let waiting = tap.take()
        if keepingPackets {
            packetCount &+= waiting.packetCount
        } else {
            discardedCount &+= waiting.packetCount
        }
        return piece((keepingPackets ? waiting.blocks : []) + statistics)
    }

    private func piece(_ blocks: [UInt8]) -> [UInt8] {
        let piece = (hasSentHeader ? [] : tap.fileHeader) + blocks
        hasSentHeader = true
        byteCount &+= UInt64(piece.count)
        return piece
    }

    /// The numbers at the end.
    private var statistics: [UInt8] {
        CaptureFormat.statistics(interface: 0, time: WallClock.now(), packets: packetCount, lost: lostCount)
    }
}
