import ArgumentParser

/// `vserialctl qemu-args`: what QEMU must be told.
struct QEMUArgs: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "qemu-args",
        abstract: "Print the arguments that QEMU needs.",
        discussion: """
            One option with its value on each line, to be added to QEMU's: \
            qemu-system-x86_64 -machine q35 $(vserialctl qemu-args --socket-path \
            /run/vm1/vhost.sock) … . A value that a shell would change is quoted; use \
            --json or eval then.
            """)

    @OptionGroup var control: ControlOptions
    @OptionGroup var device: DeviceOptions

    @Option(
        name: [.long, .customShort("m")], help: ArgumentHelp("The guest's memory, as QEMU's -m.", valueName: "size"))
    var memory = "512M"

    @Flag(help: "Print an array of words, as JSON.")
    var json = false

    func validate() throws {
        // Both -m and the memory's size take it, and neither takes more words.
        guard memory.wholeMatch(of: /[1-9][0-9]{0,11}[kKMGT]?/) != nil else {
            throw ValidationError("--memory must be a number with K, M, G or T, such as 512M")
        }
    }

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            // -m counts in MiB without a unit, the memory's size in bytes.
            let size = memory.last?.isNumber == true ? memory + "M" : memory
            let pairs = QEMUArguments.pairs(try device.settings(of: control), memory: size)
            guard !json else {
                return try StandardOutput.write(JSONText.line(pairs.flatMap { [$0.option, $0.value] }))
            }
            try StandardOutput.write(
                pairs.map { "\($0.option) \(QEMUArguments.quoted($0.value))\n" }.joined())
        }
    }
}
