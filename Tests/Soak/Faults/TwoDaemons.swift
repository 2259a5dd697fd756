import FoundationEssentials
import Glibc
import MachineTestSupport

extension Fault {
    /// A second daemon on the same sockets is refused and says on which; the first one's bytes move on. What a killed
    /// daemon left behind is replaced by the next. The count is of both.
    static let twoDaemons = Fault("two-daemons", quick: 5, soak: 50) { setting in
        for _ in 0..<setting.count {
            let rig = try Rig(setting, portCount: 2)
            for port in 1...2 { try rig.start(port: port) }
            try expectRefused(setting, frontend: rig.socket, naming: rig.socket, beside: rig)
            // A socket of its own for front-ends; the ports' are taken.
            try expectRefused(
                setting, frontend: "\(setting.directory)/other.sock", naming: rig.clientSocket(1), beside: rig)
            try rig.move(atLeast: 1 << 17)
            try rig.finishTraffic()
            rig.daemon.process.kill()
            for path in [rig.socket, rig.clientSocket(1), rig.clientSocket(2)] {
                try expect(unsafe access(path, F_OK) == 0, "a killed daemon has removed \(path)")
            }
        }
        // The daemon that comes last ends well, and removes what is its own.
        let rig = try Rig(setting, portCount: 2)
        try rig.start(port: 1)
        try rig.move(atLeast: 1 << 17)
        try rig.finishTraffic()
        try rig.finish()
        for path in [rig.socket, rig.clientSocket(1), rig.clientSocket(2)] {
            try expect(unsafe access(path, F_OK) != 0, "the daemon has left \(path) behind")
        }
        return [Figure("refused", 2 * setting.count), Figure("replaced", setting.count)]
    }

    /// Starts a second daemon, while `rig` goes on.
    private static func expectRefused(
        _ setting: FaultSetting, frontend: String, naming path: String, beside rig: Rig
    ) throws {
        let output = "\(setting.directory)/second.log"
        unsafe unlink(output)
        let second = try ChildProcess(
            "the second daemon",
            [setting.program, "--socket-path", frontend, "--socket-dir", setting.directory]
                + FaultSetting.ports(2).flatMap { ["--port", $0.daemonArgument] },
            output: output)
        try rig.run(until: "the second daemon ends") { second.pollExit() != nil }
        try expectEqual(second.pollExit(), .code(69), "the second daemon's end")
        let text = String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
        try expect(text.contains(path), "the second daemon does not name \(path): \(text)")
        try expect(
            unsafe access("\(setting.directory)/other.sock", F_OK) != 0, "the second daemon left a socket behind")
    }
}
