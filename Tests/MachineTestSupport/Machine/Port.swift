/// One port, as the daemon's or QEMU's command line has it.
package struct Port {
    package var name: String
    package var number: Int?
    package var isConsole = false
    /// More of the daemon's keys, such as `guest-close=eof`. QEMU's own device knows none of them.
    package var daemonOptions: [String] = []

    package init(name: String, number: Int? = nil, isConsole: Bool = false, daemonOptions: [String] = []) {
        self.name = name
        self.number = number
        self.isConsole = isConsole
        self.daemonOptions = daemonOptions
    }

    /// The value of `--port`.
    package var daemonArgument: String {
        var keys = ["name=\(name)"]
        if let number { keys.append("nr=\(number)") }
        if isConsole { keys.append("console=on") }
        return (keys + daemonOptions).joined(separator: ",")
    }

    /// The same port on QEMU's own device, with the same socket.
    package func builtinArguments(in directory: String) -> [String] {
        let driver = isConsole ? "virtconsole" : "virtserialport"
        let number = number.map { ",nr=\($0)" } ?? ""
        return [
            "-chardev", "socket,id=chardev-\(name),path=\(directory)/\(name),server=on,wait=off",
            "-device", "\(driver),chardev=chardev-\(name),name=\(name)\(number)",
        ]
    }

    package static let control = Port(name: "vm.ctl")
    package static let data = Port(name: "vm.data", number: 5)
}
