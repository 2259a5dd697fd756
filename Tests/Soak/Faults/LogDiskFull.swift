import DriverTestSupport
import FoundationEssentials
import Glibc
import MachineTestSupport

extension Fault {
    /// stderr is a file on a disk that is full, and there is much to log: bytes move on. The count is of rounds of
    /// clients that come and go, each of which is a few lines.
    static let logDiskFull = Fault("log-disk-full", quick: 500, soak: 10_000) { setting in
        let disk = try SmallDisk(at: "\(setting.directory)/disk", byteCount: diskByteCount)
        try disk.fill()
        let log = "\(disk.path)/log"
        let rig = try Rig(setting, portCount: 2, arguments: ["--log-level", "debug"], log: log)
        try rig.start(port: 2)
        try rig.move(atLeast: 1 << 17)
        let visited = try rig.guest.port(1)
        for _ in 0..<setting.count {
            rig.daemon.process.send(signal: SIGHUP)
            let client = try StreamClient(to: rig.clientSocket(1)) { try rig.turn() }
            try client.send(upTo: 1)
            try rig.turn()
        }
        try rig.run(until: "the guest gets the byte of every client") {
            visited.receivedByteCount == UInt64(setting.count)
        }
        try rig.move(atLeast: 1 << 17)
        let moved = try rig.finishTraffic()
        let logged = FileManager.default.contents(atPath: log)?.count ?? 0
        try expect(logged < diskByteCount, "the disk was not full")
        try rig.finish()
        return [Figure("moved", Double(moved) / 1e6, "MB"), Figure("logged", logged, "B")]
    }

    private static let diskByteCount = 65536
}
