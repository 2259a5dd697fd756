/// Numbers of bytes as people read them.
enum ByteCount {
    /// Exact below 10000, then in K, M, G … of 1024 with one decimal: `9999`, `9.8K`, `1.5G`.
    static func text(_ count: UInt64) -> String {
        guard count >= 10_000 else { return String(count) }
        var value = Double(count)
        var unit = -1
        // 1023.95 would be shown as 1024.0.
        while value >= 1023.95, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        let tenths = UInt64((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)\(units[unit])"
    }

    private static let units = ["K", "M", "G", "T", "P", "E"]
}
