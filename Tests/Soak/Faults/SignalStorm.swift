import Glibc
import MachineTestSupport

extension Fault {
    /// Ten thousand signals a second, of those that do not end the daemon, in mid-traffic. The count is of seconds.
    static let signalStorm = Fault("signal-storm", quick: 2, soak: 60) { setting in
        let rig = try Rig(setting, portCount: 2)
        for port in 1...2 { try rig.start(port: port) }
        // Handled, ignored by the daemon, and ignored by default.
        let signals = [SIGHUP, SIGPIPE, SIGHUP, SIGCHLD]
        var pace = Pace(perSecond: 10_000)
        try rig.run(for: .seconds(setting.count)) {
            for number in pace.due() { rig.daemon.process.send(signal: signals[number % signals.count]) }
        }
        let moved = try rig.finishTraffic()
        try rig.finish()
        return [
            Figure("signals", pace.count), Figure("moved", Double(moved) / 1e6, "MB"),
        ]
    }
}
