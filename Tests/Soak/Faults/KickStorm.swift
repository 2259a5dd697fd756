import DriverTestSupport
import MachineTestSupport

extension Fault {
    /// A hundred thousand kicks a second, on every queue by turns and with nothing in it, beside a port's bytes. The
    /// count is of seconds.
    static let kickStorm = Fault("kick-storm", quick: 2, soak: 60) { setting in
        let rig = try Rig(setting, portCount: 4)
        // Two ports with bytes, two with nothing.
        for port in 1...2 { try rig.start(port: port) }
        let queues = try rig.guest.driver.queues.map(\.queue)
        var pace = Pace(perSecond: 100_000)
        try rig.run(for: .seconds(setting.count)) {
            for number in pace.due() { queues[number % queues.count].signalKick() }
        }
        let moved = try rig.finishTraffic()
        try expect(moved >= UInt64(setting.count) << 20, "only \(moved) bytes moved beside \(pace.count) kicks")
        try rig.finish()
        return [Figure("kicks", pace.count), Figure("moved", Double(moved) / 1e6, "MB")]
    }
}
