/// One kind of work that is measured.
struct Work: Hashable {
    /// As in ``Sample/work``.
    let name: String
    let byteCount: Int

    /// The size of what the host writes when it fills the guest's pages.
    static let sourceByteCount = 65536
    /// Into how many pieces `to-host-pieces` cuts each buffer.
    static let pieceCount = 16

    /// Nothing to do, with as many ports as there can be; `synthetic` alone, when it is the only one asked for.
    static let idle = Work(name: "idle", byteCount: 0)

    /// What is measured when nothing is asked for, in the order in which it is measured.
    static let all: [Work] = [
        Work(name: "to-host", byteCount: 32768), Work(name: "to-host", byteCount: 4096),
        Work(name: "to-host-pieces", byteCount: 65536), Work(name: "to-guest", byteCount: 65536),
        Work(name: "both", byteCount: 32768), Work(name: "round-trip", byteCount: 1),
        Work(name: "round-trip", byteCount: 64), Work(name: "round-trip", byteCount: 4096),
        Work(name: "eight-ports", byteCount: 4096), Work(name: "eight-ports", byteCount: 32768),
        Work(name: "small-beside-bulk", byteCount: 1),
    ]

    /// Those named, for example `to-host,round-trip:1`; all when nothing is.
    static func selected(_ text: String?) throws -> [Work] {
        guard let text else { return all }
        let names = text.split(separator: ",").map(String.init)
        if names == [idle.name] { return [idle] }
        let works = all.filter { names.contains($0.name) || names.contains("\($0.name):\($0.byteCount)") }
        guard !works.isEmpty else {
            throw BenchmarkError("no such work; there is idle, or \(all.map { "\($0.name):\($0.byteCount)" })")
        }
        return works
    }
}

/// Something that work is measured on, set up and ready.
protocol MeasuredDevice: AnyObject {
    /// As in ``Sample``: device, variant and ring size.
    var label: DeviceLabel { get }
    /// Does the work for so long; nil when this device has no such work.
    func measure(_ work: Work, seconds: Double) throws -> [String: Double]?
}

/// What tells one device from another.
struct DeviceLabel: Hashable, CustomStringConvertible {
    var device: String
    var variant = ""
    var queueSize = 0

    var description: String {
        device + (queueSize > 0 ? "-vq\(queueSize)" : "") + (variant.isEmpty ? "" : " \(variant)")
    }
}
