import FoundationEssentials

/// Medians with their ranges, and ratios to a baseline of the same round.
struct ResultTable {
    private struct Row: Hashable {
        let work: String
        let byteCount: Int
        let label: DeviceLabel
    }

    let baseline: String
    private var rows: [Row] = []
    private var samples: [Row: [Sample]] = [:]

    init(baseline: String) { self.baseline = baseline }

    mutating func add(_ sample: Sample) {
        let label = DeviceLabel(device: sample.device, variant: sample.variant, queueSize: sample.queueSize)
        let row = Row(work: sample.work, byteCount: sample.byteCount, label: label)
        if samples[row] == nil { rows.append(row) }
        samples[row, default: []].append(sample)
    }

    /// What is compared first, by work: throughput, the median of a round trip, or what an idle daemon does.
    private static func mainMeasure(_ sample: Sample) -> String {
        ["mib_per_s", "p50_us"].first { sample.measures[$0] != nil } ?? "wake_ups_in_10_s"
    }

    var text: String {
        var seen: Set<String> = []
        let works = rows.filter { seen.insert("\($0.work) \($0.byteCount)").inserted }
        return works.map { first in
            let lines = rows.filter { $0.work == first.work && $0.byteCount == first.byteCount }.map(line)
            return (["\(first.work) \(first.byteCount)"] + lines).joined(separator: "\n")
        }.joined(separator: "\n")
    }

    private func line(_ row: Row) -> String {
        let all = samples[row] ?? []
        guard let first = all.first else { return "" }
        let measure = Self.mainMeasure(first)
        var text = "  " + padded(row.label.description, 24)
        text += padded("\(measure) \(range(all.compactMap { $0.measures[measure] }))", 44)
        let bases =
            rows.first {
                $0.work == row.work && $0.byteCount == row.byteCount && $0.label.device == baseline
            }.flatMap { samples[$0] } ?? []
        let ratios = all.compactMap { sample -> Double? in
            guard let base = bases.first(where: { $0.round == sample.round })?.measures[measure], base > 0 else {
                return nil
            }
            return sample.measures[measure].map { $0 / base }
        }
        if row.label.device != baseline, !ratios.isEmpty { text += padded("x \(range(ratios))", 26) }
        let others = first.measures.keys.filter { $0 != measure && !$0.hasPrefix("p999") }.sorted()
        return text
            + others.map { name in "\(name)=\(Self.short(median(all.compactMap { $0.measures[name] })))" }
            .joined(separator: " ")
    }

    private func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    private func range(_ values: [Double]) -> String {
        "\(Self.short(median(values))) [\(Self.short(values.min() ?? 0))..\(Self.short(values.max() ?? 0))]"
    }

    /// Three digits that matter.
    private static func short(_ value: Double) -> String {
        if value >= 100 { return "\(Int(value.rounded()))" }
        let scale = value >= 10 ? 10.0 : 100.0
        return "\((value * scale).rounded() / scale)"
    }

    private func padded(_ text: String, _ count: Int) -> String {
        text + String(repeating: " ", count: max(1, count - text.count))
    }
}
