import DriverTestSupport
import MachineTestSupport

extension Fault {
    /// A client reads nothing, or a byte now and then, while the guest writes to it without end: the guest's buffers
    /// stay in the ring, the daemon sleeps, and another port is as fast as it is without. The count is of pairs of
    /// runs.
    static let stoppedClient = Fault("stopped-client", quick: 9, soak: 45) { setting in
        let rig = try Rig(setting, portCount: 2)
        let clients = try (1...2).map { try StreamClient(to: rig.clientSocket($0)) }
        let before = try rig.daemon.anonymousKiB()

        let stalled = try stall(rig, clients[0])
        let sent = stalled.port.sentByteCount
        let share = try rig.daemon.processorShare(over: .seconds(2))
        try expect(share < 0.01, "the daemon runs for \(share * 100) % of the time, with nothing to do")
        _ = try rig.guest.pump()
        try expectEqual(stalled.port.sentByteCount, sent, "buffers that came back and were written with again")
        // What a port may hold, for both ports, and what the allocator and the log take.
        let grown = try rig.daemon.anonymousKiB() - before
        try expect(grown <= 2 * 64 + 512, "the daemon has grown by \(grown) KiB beside a client that reads nothing")
        try rig.finishTraffic()

        var ratios: [Double] = []
        for _ in 0..<setting.count {
            let alone = try speed(rig, clients[1], beside: nil)
            try stall(rig, clients[0])
            let beside = try speed(rig, clients[1], beside: clients[0])
            try rig.finishTraffic()
            ratios.append(beside / alone)
        }
        let median = ratios.sorted()[ratios.count / 2]
        try expect(median >= 0.9, "another port has \(median) of its speed beside a client that reads nothing")
        try rig.finish()
        return [
            Figure("processor", share * 100, "%"), Figure("grown", grown, "KiB"), Figure("speed_beside", median),
        ]
    }

    /// Lets the guest write to a client that does not read, until nothing moves any more.
    @discardableResult
    private static func stall(_ rig: Rig, _ client: StreamClient) throws -> Traffic {
        var kind = Traffic.Kind.bulkToHost
        kind.clientReads = false
        let traffic = try rig.start(kind, port: 1, client)
        var (last, quietTurns) = (UInt64.max, 0)
        // A turn in which nothing happens takes a millisecond.
        try rig.run(until: "the ring of a client that reads nothing is full") {
            quietTurns = traffic.port.sentByteCount == last ? quietTurns + 1 : 0
            last = traffic.port.sentByteCount
            return quietTurns >= 50
        }
        return traffic
    }

    /// How many bytes a second the second port's client gets, beside one that reads a byte every five milliseconds.
    private static func speed(_ rig: Rig, _ client: StreamClient, beside slow: StreamClient?) throws -> Double {
        let traffic = try rig.start(.bulkToHost, port: 2, client)
        try rig.run(for: .milliseconds(20))
        var pace = Pace(perSecond: 200)
        let speed = try rig.bestSpeed(of: traffic, slices: 25) {
            for _ in pace.due() { try slow?.receive(upTo: 1) }
        }
        try rig.finish(traffic)
        return speed
    }
}
