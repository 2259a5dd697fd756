import FoundationEssentials
import Glibc
import MachineTestSupport

/// What a guest writes is kept in files, whatever happens to these.
extension Scenario {
    private static let aboutTranscripts = "it is about the daemon's transcripts"

    static let transcripts = [
        Scenario("transcript-rotation", oursOnly: aboutTranscripts, transcriptRotation),
        Scenario("transcript-disk-full", oursOnly: aboutTranscripts, transcriptDiskFull),
        Scenario("transcript-moved", oursOnly: aboutTranscripts, transcriptMoved),
        Scenario("transcript-read-only", oursOnly: aboutTranscripts, transcriptReadOnly),
    ]

    private static func port(_ keys: String...) -> Port {
        Port(name: "vm.data", number: 5, daemonOptions: keys)
    }

    private static func makeDirectory(_ name: String, _ setting: Setting) throws -> String {
        let directory = "\(setting.directory)/\(name)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
        return directory
    }

    private static func contents(_ path: String) -> [UInt8] {
        FileManager.default.contents(atPath: path).map(Array.init) ?? []
    }

    /// The guest writes the same bytes to a file of its own and to the port; returns them as the client gets them.
    private static func write(_ byteCount: Int, _ machine: Machine, _ client: PortClient) throws -> [UInt8] {
        try machine.guest.run("head -c \(byteCount) /dev/urandom >/tmp/out")
        try machine.guest.start("write", "dd if=/tmp/out of=/dev/virtio-ports/vm.data bs=4096")
        let received = try client.receive(byteCount)
        try machine.guest.finish("write")
        try expectSame(received, "/tmp/out", machine)
        return received
    }

    /// Every byte is in one of the files, in order; the last ones get there when the daemon ends.
    private static func transcriptRotation(_ setting: Setting) throws {
        let path = try makeDirectory("logs", setting) + "/vm.data"
        let machine = try Machine(setting, [port("logfile=\(path)", "log-size=64K", "log-files=1000")])
        try machine.boot()
        let received = try write(2_000_000, machine, machine.client("vm.data"))
        try machine.finish()
        let old = received.count / 65536
        let kept = (1...old).reversed().flatMap { contents("\(path).\($0)") } + contents(path)
        try expect(kept == received, "\(kept.count) bytes in the files are not the \(received.count) of the guest")
        try expect(contents("\(path).\(old + 1)").isEmpty, "more files than are needed")
    }

    /// Bytes that a full disk refuses are counted, and everybody else gets them. With room again it goes on, behind a gap.
    private static func transcriptDiskFull(_ setting: Setting) throws {
        let directory = try makeDirectory("logs", setting)
        _ = try ChildProcess.output(
            of: ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory], in: setting.directory)
        defer { _ = try? ChildProcess.output(of: ["umount", "-l", directory], in: setting.directory) }
        _ = try Payload([UInt8](repeating: 0x2e, count: 512 << 10), in: setting.directory).write(in: directory)
        let (machine, control) = try controlled(setting, [port("logfile=\(directory)/log")])
        let client = try machine.client("vm.data")
        let first = try write(2_000_000, machine, client)
        var (kept, lost): ([UInt8], Int) = ([], 0)
        try Deadline.wait(for: "each byte to be in the file or counted as lost", within: .seconds(10)) {
            lost = try number("transcript-lost", try control.execute("query-ports"))
            kept = contents("\(directory)/log")
            return kept.count + lost == first.count
        }
        try expect(lost > 0 && kept == Array(first.prefix(kept.count)), "the file is not how it began")
        for name in try FileManager.default.contentsOfDirectory(atPath: directory) where name != "log" {
            try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
        let second = try write(100_000, machine, client)
        try machine.finish()
        try expect(contents("\(directory)/log") == kept + second, "the file does not go on behind the gap")
        let log = machine.daemon?.loggedText() ?? ""
        for line in ["are missing in \(directory)/log: write: No space left", "after a gap of \(lost) bytes"] {
            try expectEqual(log.components(separatedBy: line).count, 2, "'\(line)' in the log")
        }
    }

    /// What logrotate does: the file is moved, or removed, and then SIGHUP is sent.
    private static func transcriptMoved(_ setting: Setting) throws {
        let path = try makeDirectory("logs", setting) + "/vm.data"
        let machine = try Machine(setting, [port("logfile=\(path)")])
        try machine.boot()
        let client = try machine.client("vm.data")
        let first = try write(100_000, machine, client)
        try FileManager.default.moveItem(atPath: path, toPath: "\(path).old")
        let second = try write(100_000, machine, client)
        try reopen(machine, path)
        let third = try write(100_000, machine, client)
        try Deadline.wait(for: "the new file", within: .seconds(10)) { contents(path) == third }
        try expect(contents("\(path).old") == first + second, "the moved file has not what came before SIGHUP")
        try FileManager.default.removeItem(atPath: path)
        try reopen(machine, path)
        let fourth = try write(100_000, machine, client)
        try machine.finish()
        try expect(contents(path) == fourth, "the file that was made anew has not what came after SIGHUP")
    }

    private static func reopen(_ machine: Machine, _ path: String) throws {
        machine.daemon?.process.send(signal: SIGHUP)
        try Deadline.wait(for: "the file to be opened again", within: .seconds(10)) {
            FileManager.default.fileExists(atPath: path)
        }
    }

    /// A directory that must not be written: an error at the start, and later the end of rotation and of nothing else.
    private static func transcriptReadOnly(_ setting: Setting) throws {
        let directory = try makeDirectory("logs", setting)
        let path = "\(directory)/vm.data"
        let refused = try ChildProcess(
            "the daemon",
            [
                Daemon.usualProgram, "--socket-path", "\(setting.directory)/vhost.sock", "--socket-dir",
                setting.directory, "--user", "65534", "--port", "name=a,logfile=\(path)",
            ], output: "\(setting.directory)/refused.log")
        // The user of the daemon must get there.
        unsafe chmod(setting.directory, 0o777)
        try expectEqual(try refused.waitForExit(within: .seconds(10)), .code(77), "the end of a refused start")
        let text = String(decoding: contents("\(setting.directory)/refused.log"), as: UTF8.self)
        try expect(text.contains("logfile=\(path): open: Permission denied"), "the refusal: \(text)")

        try expect(FileManager.default.createFile(atPath: path, contents: Data([0x21])), "no file at \(path)")
        try expect(unsafe chown(path, 65534, 65534) == 0, "cannot give the file away")
        let (machine, control) = try controlled(
            setting, [port("logfile=\(path)", "logappend=on", "log-size=64K")], arguments: ["--user", "65534"])
        let received = try write(200_000, machine, machine.client("vm.data"))
        try Deadline.wait(for: "the whole file", within: .seconds(10)) { contents(path).count == 1 + received.count }
        let ports = try control.execute("query-ports")
        try expectEqual(try number("transcript-lost", ports), 0, "lost bytes")
        try expect(try number("transcript-rotations-failed", ports) > 0, "no failed rotation is counted")
        try machine.finish()
        try expect(contents(path) == [0x21] + received, "the file has not everything")
        let log = machine.daemon?.loggedText() ?? ""
        try expect(log.contains("\(path) is full, and cannot be put aside"), "nothing is told of it")
    }

    /// The number behind a member of an answer.
    static func number(_ member: String, _ answer: String) throws -> Int {
        let parts = answer.components(separatedBy: "\"\(member)\":")
        guard parts.count == 2, let number = Int(parts[1].prefix { $0.isNumber }) else {
            throw Failure("not one \(member) in \(answer)")
        }
        return number
    }
}
