import FoundationEssentials
import Glibc

/// One measurement: one line of the raw data.
struct Sample: Codable {
    /// `native`, `synthetic` or `guest`.
    var suite: String
    /// Counted from 1. Samples of one round are compared with each other.
    var round: Int
    /// What was measured: `builtin` (QEMU's own), `ours`, `vsock`, or `limit` (plain processes moving the same sizes).
    var device: String
    /// What differs from the device's usual options, for example `packed` or `poll=50`; empty for the usual ones.
    var variant = ""
    /// The rings' size in entries; 0 where there are no rings.
    var queueSize = 0
    /// `to-host`, `to-host-pieces`, `to-guest`, `both`, `round-trip`, `console`, `eight-ports`, `small-beside-bulk`, `idle` or `verify`.
    var work: String
    /// The size of one write, message or buffer, in bytes; for `to-host-pieces` the sum of the pieces.
    var byteCount: Int
    /// What came out, by name and unit: `mib_per_s`, `p50_us` `p90_us` `p99_us` `p999_us`, and per GiB or per round
    /// trip `cpu_s_per_gib.PROCESS`, `cpu_us_per_trip.PROCESS` (PROCESS is `qemu`, `daemon`, `driver`, `peer`; the
    /// limit's process in the device's place is a `daemon`), `calls_per_gib`, `kicks_per_gib`, `calls_per_trip`,
    /// `kicks_per_trip`; of `eight-ports` `slowest_to_mean`; of `small-beside-bulk` the latencies beside it and, with
    /// `.alone`, before it, and `p99_ratio`; of `idle` `wake_ups_in_10_s`, `resident_mib`, `start_ms`. `others_load` is
    /// how much of a processor everybody else used meanwhile.
    var measures: [String: Double]
}

/// The file of JSON lines that samples are appended to.
struct SampleFile {
    private let path: String

    init(path: String) {
        self.path = path
    }

    /// Appends one line.
    func append(_ sample: Sample) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var line = try encoder.encode(sample)
        line.append(UInt8(ascii: "\n"))
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw BenchmarkError("cannot write \(path): errno \(errno)") }
        defer { close(file) }
        let written = unsafe line.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard written == line.count else { throw BenchmarkError("cannot write \(path): errno \(errno)") }
    }
}

/// Why a benchmark cannot go on, in one sentence.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
