import ArgumentParser
import ControlProtocol

/// `vserialctl shutdown`: the daemon ends.
struct Shutdown: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the daemon, as SIGTERM does.",
        discussion: """
            QEMU's device cannot connect again: the ports are gone until the VM is \
            started anew.
            """)

    @OptionGroup var control: ControlOptions

    func run() throws {
        try Command.run { () throws(CommandFailure) in
            let client = try control.connect()
            do throws(CommandFailure) {
                _ = try client.call(.shutdown, returning: ControlNothing.self)
            } catch .disconnected {
                // It was quicker to end than to answer.
            }
        }
    }
}
