import FoundationEssentials
import Glibc
import MachineTestSupport

extension Fault {
    /// The disk of a port's transcript is full, has room again, and is full again: bytes move on, and the file is
    /// written whenever there is room. The count is of these rounds.
    static let transcriptDiskFull = Fault("transcript-disk-full", quick: 20, soak: 500) { setting in
        let disk = try SmallDisk(at: "\(setting.directory)/disk", byteCount: 65536)
        let path = "\(disk.path)/p1"
        let rig = try Rig(
            setting, portCount: 2, portOptions: { $0 == 1 ? ["logfile=\(path)", "log-size=64K"] : [] },
            arguments: ["--log-level", "debug"])
        for port in 1...2 { try rig.start(port: port) }
        for _ in 0..<setting.count {
            try disk.fill()
            try rig.move(atLeast: 1 << 16)
            disk.makeRoom()
            for name in [path, "\(path).1"] { unsafe unlink(name) }
            rig.daemon.process.send(signal: SIGHUP)
            try rig.move(atLeast: 1 << 16)
        }
        let moved = try rig.finishTraffic()
        try rig.finish()
        let kept = [path, "\(path).1"].reduce(0) { $0 + (FileManager.default.contents(atPath: $1)?.count ?? 0) }
        try expect(kept > 0, "nothing is written although there is room")
        try expect(rig.daemon.loggedText().contains("No space left on device"), "the disk was not full")
        return [Figure("moved", Double(moved) / 1e6, "MB"), Figure("kept", kept, "B")]
    }
}
