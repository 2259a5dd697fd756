/// Writes families of samples; the format's rules and nothing of what is measured.
struct PrometheusWriter {
    enum Kind: String {
        case counter, gauge, histogram
    }

    private(set) var text = ""
    /// Before every name.
    private static let prefix = "vhost_user_serial_"

    /// Writes a family: its help, its kind, and the samples that `body` adds.
    mutating func family(_ name: String, _ kind: Kind, _ help: String, _ body: (inout Family) -> Void) {
        let name = Self.prefix + name
        text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
        var family = Family(name: name)
        body(&family)
        text += family.text
    }

    /// The samples of one name.
    struct Family {
        fileprivate let name: String
        fileprivate var text = ""

        mutating func sample(_ labels: [String: String], _ value: UInt64) {
            line("", labels, "\(value)")
        }

        mutating func sample(_ labels: [String: String], seconds nanoseconds: UInt64) {
            line("", labels, Self.seconds(nanoseconds))
        }

        /// A histogram: each bucket has all that were not longer than its bound.
        mutating func histogram(_ labels: [String: String], _ histogram: LatencyHistogram) {
            var count: UInt64 = 0
            for index in 0..<LatencyHistogram.bucketCount {
                count &+= histogram.counts[index]
                let bound = LatencyHistogram.bound(ofBucket: index).map(Self.seconds) ?? "+Inf"
                line("_bucket", labels.merging(["le": bound]) { _, new in new }, "\(count)")
            }
            line("_sum", labels, Self.seconds(histogram.sum))
            line("_count", labels, "\(count)")
        }

        private mutating func line(_ suffix: String, _ labels: [String: String], _ value: String) {
            let list = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\"\(Self.escape($0.value))\"" }
            text += name + suffix + (list.isEmpty ? "" : "{\(list.joined(separator: ","))}") + " \(value)\n"
        }

        /// Exact: nine decimals, and no exponent.
        private static func seconds(_ nanoseconds: UInt64) -> String {
            let fraction = "\(nanoseconds % 1_000_000_000)"
            return "\(nanoseconds / 1_000_000_000)." + String(repeating: "0", count: 9 - fraction.count) + fraction
        }

        private static func escape(_ value: String) -> String {
            value.unicodeScalars.reduce(into: "") { text, scalar in
                switch scalar {
                case "\\": text += "\\\\"
                case "\"": text += "\\\""
                case "\n": text += "\\n"
                default: text.unicodeScalars.append(scalar)
                }
            }
        }
    }
}
