/// What is measured in a guest: a program of guest/src/bench.c and this process at the other end.
struct GuestWork: Equatable {
    enum Kind: String {
        case toHost = "to-host"
        case toGuest = "to-guest"
        case both
        case roundTrip = "round-trip"
        /// What a program writes to hvc0.
        case console
        case eightPorts = "eight-ports"
    }

    let kind: Kind
    /// As in ``Sample/byteCount``.
    let byteCount: Int

    /// vhost-device-vsock loses what a guest writes with more than 32 KiB at once, so nothing does.
    static let all = [
        GuestWork(kind: .toHost, byteCount: 32768), GuestWork(kind: .toHost, byteCount: 4096),
        GuestWork(kind: .toHost, byteCount: 512), GuestWork(kind: .toGuest, byteCount: 65536),
        GuestWork(kind: .both, byteCount: 32768), GuestWork(kind: .roundTrip, byteCount: 1),
        GuestWork(kind: .roundTrip, byteCount: 64), GuestWork(kind: .roundTrip, byteCount: 4096),
        GuestWork(kind: .console, byteCount: 4096), GuestWork(kind: .eightPorts, byteCount: 32768),
    ]

    /// Those named, for example `to-host,round-trip:1`; all when nothing is.
    static func selected(_ text: String?) throws -> [GuestWork] {
        guard let text else { return all }
        return try text.split(separator: ",").flatMap { name in
            let works = all.filter { $0.kind.rawValue == name || "\($0.kind.rawValue):\($0.byteCount)" == name }
            guard !works.isEmpty else { throw BenchmarkError("there is no work \(name)") }
            return works
        }
    }

    /// How many ports of the guest it uses.
    var portCount: Int { kind == .eightPorts ? 8 : 1 }

    /// The first word for the guest's program.
    var program: String {
        switch kind {
        case .toHost, .console, .eightPorts: "write"
        case .toGuest: "read"
        case .both: "both"
        case .roundTrip: "echo"
        }
    }
}
