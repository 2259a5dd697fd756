import MachineTestSupport

extension Fault {
    /// As many ports as there can be. The count is of daemons.
    static let manyPorts = Fault("127-ports", quick: 1, soak: 20) { setting in
        let (portCount, ringSize) = (127, 16)
        var (slowest, largest) = (Duration.zero, 0)
        for _ in 0..<setting.count {
            // Number 0 is for a console unless it is told otherwise.
            let ports = (0..<portCount).map {
                Port(name: "p\($0)", number: $0, daemonOptions: $0 == 0 ? ["console=off"] : [])
            }
            let start = ContinuousClock.now
            let daemon = try Daemon(
                ports, in: setting.directory, arguments: setting.options + ["--max-ports", "\(portCount)"],
                program: setting.program)
            let first = try StreamClient(to: "\(setting.directory)/p0")
            slowest = max(slowest, start.duration(to: .now))
            try expect(slowest < .seconds(1), "the daemon took \(slowest.milliseconds) ms to start")
            let rig = Rig(daemon, setting)
            try rig.bootGuest(ports: 0..<portCount, queueSize: ringSize)
            try rig.start(port: 0, first)
            try rig.start(port: portCount - 1)
            try rig.move(atLeast: 1 << 16)
            try rig.finishTraffic()
            largest = max(largest, try rig.daemon.residentKiB())
            try rig.finish()
        }
        return [Figure("start", slowest.milliseconds, "ms"), Figure("resident", largest, "KiB")]
    }
}
