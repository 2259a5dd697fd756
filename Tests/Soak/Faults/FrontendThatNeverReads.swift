import MachineTestSupport
import VirtioTestSupport

extension Fault {
    /// A front-end asks and asks, and reads no answer. The daemon stops reading from it and keeps serving rings,
    /// clients and signals. The count is of daemons.
    static let frontendThatNeverReads = Fault("front-end-that-never-reads", quick: 5, soak: 50) { setting in
        var (taken, grown, moved, end) = (0, 0, UInt64(0), Duration.zero)
        for _ in 0..<setting.count {
            let rig = try Rig(setting, portCount: 2)
            try rig.start(port: 1)
            try rig.move(atLeast: 1 << 17)
            let before = try rig.daemon.anonymousKiB()
            taken = max(taken, try rig.guest.sendUntilBlocked(.getConfig(offset: 0, byteCount: 12)))
            grown = max(grown, try rig.daemon.anonymousKiB() - before)
            try expect(grown <= 512, "the daemon has grown by \(grown) KiB for answers that nobody reads")
            try rig.start(port: 2)
            try rig.move(atLeast: 1 << 17)
            moved += try rig.finishTraffic()
            let share = try rig.daemon.processorShare(over: .milliseconds(200))
            try expect(share <= 0.1, "the daemon runs for \(share * 100) % of the time, with nothing to do")
            end = max(end, try rig.daemon.terminate())
            try expect(end < .milliseconds(100), "the daemon took \(end.milliseconds) ms to end")
        }
        return [
            Figure("requests_taken", taken, "B"), Figure("grown", grown, "KiB"),
            Figure("moved", Double(moved) / 1e6, "MB"), Figure("worst_end", end.milliseconds, "ms"),
        ]
    }
}
