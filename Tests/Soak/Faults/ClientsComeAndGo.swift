import DriverTestSupport
import MachineTestSupport
import VirtioTestSupport

extension Fault {
    /// Clients of one port connect, send and read a little or nothing, and go or half go, at random, while another
    /// port's bytes move on. The count is of clients.
    static let clientsComeAndGo = Fault("clients-come-and-go", quick: 5000, soak: 100_000) { setting in
        let rig = try Rig(setting, portCount: 2)
        let steady = try rig.start(port: 2)
        var random = SeededGenerator(seed: setting.seed)
        // The guest writes and reads on the clients' port, whoever is there.
        let visited = try rig.guest.port(1)
        try visited.prepare(byteCount: 512, reception: .count)
        try visited.startSending()
        var before: Daemon.Footprint?
        var sent: UInt64 = 0
        for index in 0..<setting.count {
            sent += try visit(rig, &random)
            if index == setting.count / 5 {
                try waitUntilGone(rig)
                before = try rig.daemon.footprint()
            }
        }
        try waitUntilGone(rig)
        if let before { try rig.daemon.expectNoGrowth(since: before) }
        let grown = try rig.daemon.anonymousKiB() - (before?.anonymousKiB ?? 0)
        try expect(steady.movedByteCount > 0, "the other port stood still")
        try expectEqual(visited.receivedByteCount, sent, "bytes of all visitors together")
        // For the port's last visitor, who reads all that the guest has to say.
        visited.stopSending()
        let last = try StreamClient(to: rig.clientSocket(1))
        try rig.run(until: "the guest's last bytes are taken") {
            try last.receive()
            return visited.outstandingCount == 0
        }
        let moved = try rig.finishTraffic()
        try rig.finish()
        return [
            Figure("seed", setting.seed), Figure("grown", grown, "KiB"),
            Figure("other_port", Double(moved) / 1e6, "MB"), Figure("to_guest", visited.receivedByteCount, "B"),
        ]
    }

    /// - Returns: how many bytes the visitor sent.
    private static func visit(_ rig: Rig, _ random: inout SeededGenerator) throws -> UInt64 {
        let client = try StreamClient(to: rig.clientSocket(1)) { try rig.turn() }
        let what = UInt8.random(in: 0..<32, using: &random)
        if what & 1 != 0 { try client.send(upTo: Int.random(in: 1...300, using: &random)) }
        if what & 2 != 0 { try client.shutdownSend() }
        if what & 4 != 0 { try rig.turn() }
        if what & 8 != 0 { try client.receive(upTo: Int.random(in: 1...2000, using: &random)) }
        if what & 16 != 0 { try rig.turn() }
        return client.sentByteCount
    }

    private static func waitUntilGone(_ rig: Rig) throws {
        try beLast(rig)
        let control = try rig.guest.driver.control
        try rig.run(until: "the guest learns that nobody is there") { !control.hostOpen.contains(1) }
    }

    /// Those that wait in the listener's queue still come, each for a moment; this one is behind them all.
    private static func beLast(_ rig: Rig) throws {
        let client = try StreamClient(to: rig.clientSocket(1)) { try rig.turn() }
        try rig.run(until: "all visitors have come and gone") { try client.receive() > 0 }
    }
}
