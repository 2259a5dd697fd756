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

    var status: CaptureStatus {
        let counts = tap.counts
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
        let counts = tap.counts
        return CaptureTotals(packets: counts.packets, bytes: byteCount, lost: counts.lost)
    }

    /// Writes what waits to the file.
    func write() throws(CaptureFile.End) {
        try write(tap.take())
    }

    /// Writes the last packets and the numbers at the end.
    func finish() throws(CaptureFile.End) {
        let counts = tap.counts
        let statistics = CaptureFormat.statistics(
            interface: 0, time: WallClock.now(), packets: counts.packets, lost: counts.lost)
        try write(tap.take() + statistics)
    }

    private func write(_ blocks: [UInt8]) throws(CaptureFile.End) {
        guard !blocks.isEmpty else { return }
        guard case .file(let file, _) = destination else { return }
        try file.append(blocks)
        byteCount &+= UInt64(blocks.count)
    }

    /// The next piece of a stream: the file's beginning first.
    func takePiece() -> [UInt8] {
        let piece = (hasSentHeader ? [] : tap.fileHeader) + tap.take()
        hasSentHeader = true
        byteCount &+= UInt64(piece.count)
        return piece
    }
}
