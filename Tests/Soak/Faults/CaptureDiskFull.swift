import FoundationEssentials
import Glibc
import MachineTestSupport

extension Fault {
    /// The disk that a capture goes to becomes full in mid-traffic: the capture ends and says so, its file has whole
    /// blocks only, and the ports lose no byte. The count is of captures.
    static let captureDiskFull = Fault("capture-disk-full", quick: 3, soak: 200) { setting in
        let disk = try SmallDisk(at: "\(setting.directory)/disk", byteCount: diskByteCount)
        let control = "\(setting.directory)/control.sock"
        let rig = try Rig(setting, portCount: 2, arguments: ["--control", control, "--capture-dir", disk.path])
        let client = try QMPClient(SocketStream.connect("an operator", to: control, within: .seconds(5)))
        for port in 1...2 { try rig.start(port: port) }
        var captured = 0
        var before: Daemon.Footprint?
        for cycle in 0..<setting.count {
            try client.execute("capture-start", #"{"file": "c.pcapng"}"#)
            try rig.run(until: "the capture ends") { try client.execute("query-status").contains(#""captures":[]"#) }
            let end = try client.waitForEvent("CAPTURE_STOPPED", within: .seconds(5))
            try expect(end.line.contains("No space left on device"), "another end of the capture: \(end.line)")
            try rig.move(atLeast: 1 << 17)
            captured += try wholeByteCount(of: "\(disk.path)/c.pcapng")
            unsafe unlink("\(disk.path)/c.pcapng")
            if cycle == min(5, setting.count / 2) { before = try rig.daemon.footprint() }
        }
        if let before { try rig.daemon.expectNoGrowth(since: before) }
        let grown = try rig.daemon.anonymousKiB() - (before?.anonymousKiB ?? 0)
        let moved = try rig.finishTraffic()
        try rig.finish()
        return [
            Figure("moved", Double(moved) / 1e6, "MB"), Figure("captured", Double(captured) / 1e6, "MB"),
            Figure("grown", grown, "KiB"),
        ]
    }

    private static let diskByteCount = 256 << 10

    /// Walks from block to block, each of which says its length at both ends, to the end of the file.
    private static func wholeByteCount(of path: String) throws -> Int {
        let file = FileManager.default.contents(atPath: path) ?? Data()
        func word(_ offset: Int) throws -> Int {
            try expect(offset + 4 <= file.count, "\(path) ends within a block, at \(file.count)")
            return (0..<4).reduce(0) { $0 | Int(file[offset + $1]) << (8 * $1) }
        }
        var offset = 0
        while offset < file.count {
            let byteCount = try word(offset + 4)
            try expect(byteCount >= 12, "\(path) has a block of \(byteCount) bytes at \(offset)")
            try expectEqual(try word(offset + byteCount - 4), byteCount, "\(path): the block at \(offset)")
            offset += byteCount
        }
        try expect(offset > diskByteCount / 2, "the disk was not full: \(path) has \(offset) bytes")
        return offset
    }
}
