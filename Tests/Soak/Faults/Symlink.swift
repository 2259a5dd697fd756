import FoundationEssentials
import Glibc
import MachineTestSupport

extension Fault {
    /// Somebody puts a symbolic link, or a file of his, where a socket is to be or has been. It is never followed,
    /// written or removed. The count is of both.
    static let symlink = Fault("symlink", quick: 3, soak: 30) { setting in
        let directory = setting.directory
        let target = "\(directory)/foreign"
        for _ in 0..<setting.count {
            // Before the start: the link leads to a file, or to nowhere; the socket is the front-end's, or a port's.
            for path in ["\(directory)/vhost.sock", "\(directory)/p2"] {
                for content in [foreignBytes, nil] {
                    try write(content, to: target)
                    try link(path, to: target)
                    try expectRefused(setting, code: 73, naming: path)
                    try expectUntouched(path, target, content)
                    unsafe unlink(path)
                }
            }
            // The file that is locked for the time of the start.
            let lock = "\(directory)/vhost.sock.lock"
            try write(foreignBytes, to: target)
            try link(lock, to: target)
            try expectRefused(setting, code: 71, naming: "vhost.sock")
            try expectUntouched(lock, target, foreignBytes)
            unsafe unlink(lock)

            // While the daemon runs; its listeners go on, under names that are gone.
            let rig = try Rig(setting, portCount: 3)
            for port in 1...3 { try rig.start(port: port) }
            for path in [rig.socket, rig.clientSocket(1)] {
                unsafe unlink(path)
                try link(path, to: target)
            }
            unsafe unlink(rig.clientSocket(2))
            let listener = try SocketListener("somebody else", at: rig.clientSocket(2))
            try rig.move(atLeast: 1 << 16)
            try rig.finishTraffic()
            try rig.finish()
            for path in [rig.socket, rig.clientSocket(1)] { try expectUntouched(path, target, foreignBytes) }
            _ = try SocketStream.connect("a client", to: rig.clientSocket(2), within: .seconds(5))
            _ = try listener.accept(within: .seconds(5))
            try expect(unsafe access(rig.clientSocket(3), F_OK) != 0, "the daemon left its own socket behind")
            for path in [rig.socket, rig.clientSocket(1), rig.clientSocket(2), target] { unsafe unlink(path) }
        }
        return [Figure("refused", 5 * setting.count), Figure("kept", 3 * setting.count)]
    }

    private static let foreignBytes: [UInt8] = Array("somebody else's\n".utf8)

    /// No bytes stand for no file.
    private static func write(_ bytes: [UInt8]?, to path: String) throws {
        unsafe unlink(path)
        guard let bytes else { return }
        try expect(FileManager.default.createFile(atPath: path, contents: Data(bytes)), "cannot write \(path)")
    }

    private static func link(_ path: String, to target: String) throws {
        try expect(unsafe Glibc.symlink(target, path) == 0, "no link at \(path): errno \(errno)")
    }

    private static func expectUntouched(_ path: String, _ target: String, _ content: [UInt8]?) throws {
        try expectEqual(try? FileManager.default.destinationOfSymbolicLink(atPath: path), target, path)
        try expectEqual(FileManager.default.contents(atPath: target).map(Array.init), content, target)
    }

    private static func expectRefused(_ setting: FaultSetting, code: Int32, naming path: String) throws {
        let output = "\(setting.directory)/refused.log"
        unsafe unlink(output)
        let daemon = try ChildProcess(
            "the daemon",
            [setting.program, "--socket-path", "\(setting.directory)/vhost.sock", "--socket-dir", setting.directory]
                + FaultSetting.ports(2).flatMap { ["--port", $0.daemonArgument] },
            output: output)
        try expectEqual(try daemon.waitForExit(within: .seconds(10)), .code(code), "a start with a link at \(path)")
        let text = String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
        try expect(text.contains(path), "the refusal does not name \(path): \(text)")
    }
}
