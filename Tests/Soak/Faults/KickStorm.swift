import DriverTestSupport
import MachineTestSupport

extension Fault {
    /// A hundred thousand kicks a second, on every queue by turns and with nothing in it: every byte of other ports
    /// arrives, and not much later. The count is of seconds.
    static let kickStorm = Fault("kick-storm", quick: 2, soak: 60) { setting in
        let rig = try Rig(setting, portCount: 4)
        // Two ports with bytes, two with nothing.
        for port in 1...2 { try rig.start(port: port) }
        let queues = try rig.guest.driver.queues.map(\.queue)
        let slices = setting.count * 100
        let alone = try rig.bestSpeed(of: rig.traffic[0], slices: 100)
        var pace = Pace(perSecond: 100_000)
        let beside = try rig.bestSpeed(of: rig.traffic[0], slices: slices, of: .milliseconds(10)) {
            for number in pace.due() { queues[number % queues.count].signalKick() }
        }
        let moved = try rig.finishTraffic()
        // The kicks take the guest's time as well as the daemon's.
        try expect(beside >= alone / 4, "\(beside / alone) of a port's speed is left beside \(pace.count) kicks")
        try rig.finish()
        return [
            Figure("kicks", pace.count), Figure("moved", Double(moved) / 1e6, "MB"),
            Figure("speed_beside", beside / alone),
        ]
    }
}
