import DriverTestSupport
import Glibc
import MachineTestSupport

extension Fault {
    /// Programs at the control socket never read what they are told, while a guest floods them with events and another
    /// port's bytes move on. Each is closed at its bound, and one that reads is answered in time. The count is of rounds
    /// of them.
    static let controlClientsThatNeverRead = Fault("control-clients-that-never-read", quick: 2, soak: 50) { setting in
        let control = "\(setting.directory)/control.sock"
        // A long name makes long events.
        let ports = [Port(name: String(repeating: "n", count: 80), number: 1), Port(name: "p2", number: 2)]
        let daemon = try Daemon(
            ports, in: setting.directory, arguments: setting.options + ["--control", control], program: setting.program)
        let rig = Rig(daemon, setting)
        try rig.bootGuest(ports: 1...2)
        let steady = try rig.start(port: 2)
        func connect() throws -> SocketStream {
            try SocketStream.connect("an operator", to: control, within: .seconds(5))
        }
        let reader = try QMPClient(connect())
        var (worst, grown, floods) = (Duration.zero, 0, 0)
        var before: Daemon.Footprint?
        for cycle in 0..<setting.count {
            let start = try rig.daemon.anonymousKiB()
            let silent = try (0..<silentCount).map { _ in try connect() }
            for stream in silent { _ = try QMPClient(stream) }
            while !silent.allSatisfy(isClosed) {
                try flood(rig)
                floods += 1
                let question = ContinuousClock.now
                try reader.execute("query-ports")
                worst = max(worst, question.duration(to: .now))
                grown = max(grown, try rig.daemon.anonymousKiB() - start)
                try expect(floods <= maximumFloodCount * (cycle + 1), "a client that never reads is kept")
            }
            if cycle == min(5, setting.count / 2) { before = try rig.daemon.footprint() }
        }
        // It never waits for anybody else; the rest is what the machine has to do.
        try expect(worst < .seconds(1), "an operator waited \(worst.milliseconds) ms for an answer")
        try expect(grown <= silentCount * 2048, "the daemon has grown by \(grown) KiB for \(silentCount) clients")
        if let before { try rig.daemon.expectNoGrowth(since: before) }
        try expect(steady.movedByteCount > 0, "the other port stood still")
        let moved = try rig.finishTraffic()
        try rig.finish()
        return [
            Figure("events", floods * floodCount), Figure("worst_answer", worst.milliseconds, "ms"),
            Figure("grown", grown, "KiB"), Figure("other_port", Double(moved) / 1e6, "MB"),
        ]
    }

    /// With the one that reads fewer than there may be.
    private static let silentCount = 8
    /// Fewer than the events that may wait for the control thread.
    private static let floodCount = 500
    /// Each event is some 180 bytes: twice what a socket and 1 MiB hold.
    private static let maximumFloodCount = 30

    /// The guest opens and closes a port as fast as it can.
    private static func flood(_ rig: Rig) throws {
        let control = try rig.guest.driver.control
        for index in 0..<floodCount {
            try control.setOpen(port: 1, index % 2 == 1)
            if index % 50 == 0 { try rig.turn() }
        }
    }

    private static func isClosed(_ stream: SocketStream) -> Bool {
        stream.poll(for: 0, by: Deadline(within: .zero)) & POLLHUP != 0
    }
}
