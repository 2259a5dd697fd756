import ArgumentParser
import ControlProtocol

/// The options of the commands that print what a VM needs.
struct DeviceOptions: ParsableArguments {
    @Option(
        name: [.customLong("socket-path"), .customShort("s")],
        help: ArgumentHelp("The daemon's --socket-path.", valueName: "path"), completion: .file())
    var socketPath: String

    @Option(
        help: ArgumentHelp(
            "The daemon's --max-ports, 1 to 127 (default: the running daemon's with --control, else 31).",
            valueName: "n"))
    var maxPorts: Int?

    @Option(help: ArgumentHelp("Entries of each ring, a power of two up to 1024.", valueName: "n"))
    var vqSize = 128

    func validate() throws {
        guard (1...DeviceSettings.maximumMaxPorts).contains(maxPorts ?? 1) else {
            throw ValidationError("--max-ports must be 1 to \(DeviceSettings.maximumMaxPorts)")
        }
        guard (2...DeviceSettings.maximumQueueSize).contains(vqSize), vqSize.nonzeroBitCount == 1 else {
            throw ValidationError("--vq-size must be a power of two, 2 to \(DeviceSettings.maximumQueueSize)")
        }
        // QEMU takes it from its own directory, which is another one, and a control character from nowhere.
        guard socketPath.hasPrefix("/"), socketPath.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F })
        else { throw ValidationError("--socket-path must be an absolute path without control characters") }
    }

    /// The settings; asks the daemon when it alone knows.
    func settings(of control: ControlOptions) throws(CommandFailure) -> DeviceSettings {
        var count = maxPorts ?? DeviceSettings.defaultMaxPorts
        if maxPorts == nil, control.chosenPath != nil {
            count = try control.connect().call(.queryStatus, returning: DaemonStatus.self).maxPorts
            guard (1...DeviceSettings.maximumMaxPorts).contains(count) else {
                throw .notUnderstood("max-ports is \(count)")
            }
        }
        return DeviceSettings(socketPath: socketPath, maxPorts: count, queueSize: vqSize)
    }
}
