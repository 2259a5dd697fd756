import ArgumentParser

/// `vserialctl doctor`: why it does not work.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is wrong, from QEMU to the guest, and say what to do.",
        discussion: """
            Changes nothing, and connects to no port. The exit status is 0 when nothing \
            has failed; what could not be checked says why.
            """)

    @OptionGroup var control: ControlOptions

    @Option(
        help: ArgumentHelp(
            "The QEMU that the VM uses (default: the running one, or qemu-system-x86_64).", valueName: "path"),
        completion: .file())
    var qemu: String?

    @Option(
        help: ArgumentHelp("A running QEMU's process (default: whom the daemon is connected to).", valueName: "pid"))
    var pid: Int32?

    @Option(
        name: [.customLong("socket-path"), .customShort("s")],
        help: ArgumentHelp("Look at the daemon's --socket-path too.", valueName: "path"), completion: .file())
    var socketPath: String?

    @Flag(help: "Print an array of the checks, as JSON.")
    var json = false

    func validate() throws {
        if let pid, pid < 1 { throw ValidationError("--pid must be a process's number") }
    }

    func run() throws {
        let doctor = Doctor(
            controlPath: control.chosenPath, qemu: qemu, process: pid, socketPath: socketPath)
        let checks = doctor.checks()
        try Command.run { () throws(CommandFailure) in
            let isStyled = TextStyle.isWanted
            try StandardOutput.write(
                json
                    ? JSONText.line(checks)
                    : checks.flatMap { $0.lines(isStyled: isStyled) }.map { $0 + "\n" }.joined())
        }
        if checks.contains(where: { $0.verdict == .failed }) { throw ExitCode(1) }
    }
}
