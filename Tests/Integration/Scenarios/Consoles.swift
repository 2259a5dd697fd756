import MachineTestSupport

/// hvc0, the console that the guest's kernel makes of a port.
extension Scenario {
    private static let noResize = "QEMU's own device has no console size"

    static let consoles = [
        Scenario("console-hvc0", consoleShell),
        Scenario("console-size", oursOnly: noResize, kernel: .newest, consoleSize),
        Scenario("console-size-6.1", oursOnly: noResize, kernel: .bookworm, consoleSize),
    ]

    /// A shell on hvc0.
    private static func consoleShell(_ setting: Setting) throws {
        try setting.withMachine([Port(name: "console", isConsole: true), .control]) { machine in
            let client = try machine.client("console")
            try machine.guest.run("setsid sh -c 'stty -echo; exec sh' </dev/hvc0 >/dev/hvc0 2>&1 &")
            try client.send(line: "echo sum $((1200 + 34))")
            while try !client.receiveLine().contains("sum 1234") {}
            try client.send(line: "seq 1 2000")
            while try !client.receiveLine().hasSuffix("1\r") {}
            for number in 2...2000 { try expectEqual(try client.receiveLine(), "\(number)\r", "line") }
        }
    }

    /// The guest's terminal has the size that the command line gives.
    private static func consoleSize(_ setting: Setting) throws {
        let port = Port(name: "console", isConsole: true, daemonOptions: ["cols=111", "rows=33"])
        try setting.withMachine([port]) { machine in
            try machine.guest.waitUntil("[ \"$(stty size </dev/hvc0)\" != '0 0' ]")
            try expectEqual(try machine.guest.run("stty size </dev/hvc0"), "33 111", "rows and columns")
        }
    }
}
