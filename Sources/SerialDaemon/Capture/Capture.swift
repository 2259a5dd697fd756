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
    private var byteCount: UInt64 = 0
    /// Packets that are in a file, and that no file had room for.
    private var (writtenCount, unwrittenCount): (UInt64, UInt64) = (0, 0)
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

    private var counts: (packets: UInt64, lost: UInt64) {
        let counts = tap.counts
        return switch destination {
        case .file: (writtenCount, counts.lost &+ unwrittenCount)
        case .stream: counts
        }
    }

    var status: CaptureStatus {
        let counts = counts
        let file: String? =
            switch destination {
            case .file(_, let name): name
            case .stream: nil
            }
        return CaptureStatus(
            capture: tap.number, ports: portNames, file: file, packets: counts.packets, bytes: byteCount,
            lost: counts.lost)
    }

    var totals: CaptureTotals {
        let counts = counts
        return CaptureTotals(packets: counts.packets, bytes: byteCount, lost: counts.lost)
    }

    /// Writes what waits to the file.
    func write() throws(CaptureFile.End) {
        guard case .file(let file, _) = destination else { return }
        let outcome = file.append(tap.take())
        writtenCount &+= UInt64(outcome.packetCount)
        unwrittenCount &+= UInt64(outcome.lostCount)
        byteCount &+= UInt64(outcome.byteCount)
        if let end = outcome.end { throw end }
    }

    /// Writes the last packets and the numbers at the end, which a file that is full has room for too.
    func finish() throws(CaptureFile.End) {
        try? write()
        guard case .file(let file, _) = destination else { return }
        let counts = counts
        let statistics = CaptureFormat.statistics(
            interface: 0, time: WallClock.now(), packets: counts.packets, lost: counts.lost)
        try file.finish(statistics)
        byteCount &+= UInt64(statistics.count)
    }

    /// The next piece of a stream: the file's beginning first.
    func takePiece() -> [UInt8] {
        let piece = (hasSentHeader ? [] : tap.fileHeader) + tap.take()
        hasSentHeader = true
        byteCount &+= UInt64(piece.count)
        return piece
    }
}
