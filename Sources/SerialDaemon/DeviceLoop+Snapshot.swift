import BasicContainers
import ControlProtocol
import LinuxIO
import VhostUser
import Virtio
import VirtioConsole

/// The device as an operator sees it.
extension DeviceLoop {
    /// Everything that is known now. Made for each question: nothing is kept ready for one on the way of the bytes.
    mutating func snapshot() -> DeviceSnapshot {
        let now = MonotonicClock.nanoseconds()
        var ports: [PortSnapshot] = []
        for port in 0..<endpoints.count {
            guard let configuration = endpoints[port].configuration else { continue }
            ports.append(
                PortSnapshot(status: status(of: port, configuration, now: now), latency: meters[port].latency))
        }
        return DeviceSnapshot(frontend: frontendStatus, isDriverReady: device.isDriverReady, ports: ports)
    }

    private var frontendStatus: FrontendStatus? {
        guard channel != nil else { return nil }
        return FrontendStatus(
            uid: frontendPeer?.userIdentifier ?? UInt32.max, pid: frontendPeer?.processIdentifier ?? 0,
            features: session.acknowledgedFeatures.names(deviceNames: VirtioFeatures.consoleNames),
            protocolFeatures: session.acknowledgedProtocolFeatures.names)
    }

    private mutating func status(of port: Int, _ configuration: PortConfiguration, now: UInt64) -> PortStatus {
        PortStatus(
            id: configuration.name, number: port, console: configuration.isConsole,
            kind: configuration.endpoint.kind.rawValue, server: configuration.endpoint.isServer,
            type: configuration.endpoint.socketType?.key, path: configuration.endpoint.description,
            guestReady: device.ports[port].isGuestReady,
            guestOpen: device.ports[port].isGuestOpen,
            clients: clients(of: port),
            toHost: toHostStatus(of: port, now: now), toGuest: toGuestStatus(of: port, now: now),
            transcriptLost: transcripts[port]?.tap.counts.lost,
            transcriptRotationsFailed: transcripts[port]?.tap.counts.failedRotations,
            settings: PortSettings(configuration))
    }

    /// The first client first.
    private func clients(of port: Int) -> [ClientStatus] {
        guard let client = endpoints[port].client else { return [] }
        var clients = [ClientStatus(client.peer)]
        for index in 0..<endpoints[port].watchers.count {
            var watcher = ClientStatus(endpoints[port].watchers[index].peer)
            watcher.writes = endpoints[port].watchers[index].isWriter
            watcher.lost = endpoints[port].watchers[index].lostByteCount
            clients.append(watcher)
        }
        return clients
    }

    private mutating func toHostStatus(of port: Int, now: UInt64) -> DirectionStatus {
        let counters = device.ports[port].counters
        let held = UInt64(endpoints[port].heldByteCount)
        let stall = meters[port].toHost
        return DirectionStatus(
            accepted: counters.acceptedBytes,
            delivered: counters.toHostBytes &- counters.lostBytes &- held, held: held, chains: counters.toHostChains,
            discarded: [
                "no-client": counters.lostBytes &+ counters.unwantedBytes, "client-gone": counters.goneClientBytes,
                "record-too-large": counters.oversizedToHostBytes,
            ],
            stalls: stall.count, stalledNanoseconds: stall.nanoseconds(now: now), stalled: stall.isStalled,
            throttledNanoseconds: throttles[port].toHost.throttledNanoseconds(now: now),
            ring: ringStatus(of: .transmitq(port: port)))
    }

    private mutating func toGuestStatus(of port: Int, now: UInt64) -> DirectionStatus {
        let counters = device.ports[port].counters
        let stall = meters[port].toGuest
        return DirectionStatus(
            accepted: counters.toGuestBytes, delivered: counters.toGuestBytes, held: 0, chains: counters.toGuestChains,
            discarded: ["not-read": counters.unreadBytes, "record-too-large": counters.oversizedToGuestBytes],
            stalls: stall.count,
            stalledNanoseconds: stall.nanoseconds(now: now), stalled: stall.isStalled,
            throttledNanoseconds: throttles[port].toGuest.throttledNanoseconds(now: now),
            ring: ringStatus(of: .receiveq(port: port)))
    }

    private mutating func ringStatus(of role: QueueRole) -> RingStatus? {
        if let status = device.queueStatus(role) {
            return RingStatus(
                size: status.size, layout: status.isPacked ? .packed : .split, position: status.position,
                waiting: status.waitingCount, broken: nil)
        }
        let index = role.queueIndex
        guard let error = brokenRings[index] else { return nil }
        return RingStatus(
            size: Int(session.vring(index).size),
            layout: session.acknowledgedFeatures.contains(.packedRing) ? .packed : .split,
            position: Int(session.vring(index).base & 0x7fff), waiting: 0, broken: "\(error)")
    }
}

extension ClientStatus {
    init(_ peer: PeerCredentials?) {
        self.init(uid: peer?.userIdentifier, gid: peer?.groupIdentifier, pid: peer?.processIdentifier)
    }
}

extension PortSettings {
    init(_ port: PortConfiguration) {
        self.init(
            clientsAbsent: port.clientsAbsent.rawValue, bufferSize: port.bufferByteCount,
            guestClose: port.guestClose.rawValue, linger: port.lingerNanoseconds.map { Double($0) / 1e9 },
            columns: port.size.map { Int($0.columns) }, rows: port.size.map { Int($0.rows) },
            rate: port.bytesPerSecond, logfile: port.transcript?.path, logappend: port.transcript?.appends,
            logSize: port.transcript?.maximumByteCount,
            logFiles: port.transcript?.maximumByteCount == nil ? nil : port.transcript?.oldFileCount)
    }
}
