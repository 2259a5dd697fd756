import ClientProtocols
import ControlProtocol

/// What `top` shows.
enum TopText {
    /// The busiest first; of those that are idle the lowest number.
    static func table(_ meter: PortMeter) -> TextTable {
        var table = TextTable([
            ("NAME", .left), ("NR", .right), ("GUEST", .left), ("CLIENT", .left), ("TO HOST/s", .right),
            ("WAITED", .right), ("TO GUEST/s", .right), ("WAITED", .right), ("DISCARDED/s", .right),
        ])
        let busiestFirst = meter.rates.sorted {
            $0.bytesPerSecond == $1.bytesPerSecond
                ? $0.port.number < $1.port.number : $0.bytesPerSecond > $1.bytesPerSecond
        }
        for entry in busiestFirst {
            let port = entry.port
            table.append([
                TextTable.Cell(PrintableText.escaping(port.id)), TextTable.Cell(String(port.number)),
                PortText.guest(port), TextTable.Cell(PortText.clients(port)),
                TextTable.Cell(entry.toHost.map { rate($0.bytesPerSecond) } ?? "-"), waited(entry.toHost),
                TextTable.Cell(entry.toGuest.map { rate($0.bytesPerSecond) } ?? "-"), waited(entry.toGuest),
                discarded(entry),
            ])
        }
        return table
    }

    /// The lines that there is room for; the last one says how many there is none for.
    static func fitted(_ lines: [String], rows: Int) -> [String] {
        guard lines.count > rows, rows > 0 else { return lines }
        return lines.prefix(rows - 1) + ["… and \(lines.count - rows + 1) more"]
    }

    /// Bytes in a second.
    static func rate(_ value: Double) -> String { ByteCount.text(UInt64(max(0, min(value, 1e18)).rounded())) }

    /// `2 s`, `0.5 s`.
    static func seconds(_ value: Double) -> String {
        (value == value.rounded() ? String(Int(value)) : String(value)) + " s"
    }

    private static func waited(_ rate: DirectionRate?) -> TextTable.Cell {
        guard let rate else { return "-" }
        let percent = "\(Int((rate.waited * 100).rounded()))%"
        if rate.stalled { return TextTable.Cell(percent + "*", .warning) }
        return rate.waited == 0 ? "-" : TextTable.Cell(percent)
    }

    private static func discarded(_ rate: PortRate) -> TextTable.Cell {
        let value = (rate.toHost?.discardedPerSecond ?? 0) + (rate.toGuest?.discardedPerSecond ?? 0)
        return value == 0 ? "-" : TextTable.Cell(Self.rate(value), .warning)
    }
}
