@testable import ControlProtocol

/// A port that nothing happens at.
func somePort(_ id: String, number: Int, change: (inout PortStatus) -> Void = { _ in }) -> PortStatus {
    let idle = DirectionStatus(
        accepted: 0, delivered: 0, held: 0, chains: 0, discarded: [:], stalls: 0, stalledNanoseconds: 0,
        stalled: false, throttledNanoseconds: 0,
        ring: RingStatus(size: 128, layout: .split, position: 0, waiting: 0, broken: nil))
    var port = PortStatus(
        id: id, number: number, console: false, kind: "socket", server: true, type: "stream", path: "/run/vm1/\(id)",
        guestReady: true, guestOpen: false, clients: [], toHost: idle, toGuest: idle,
        settings: PortSettings(
            clientsAbsent: "block", bufferSize: 65536, guestClose: "keep", linger: nil, columns: nil, rows: nil))
    change(&port)
    return port
}

/// Ports as the daemon sends them.
func portsJSON(_ ports: [PortStatus]) -> String {
    String(decoding: (try? ControlCoding.encode(ports)) ?? [], as: UTF8.self)
}
