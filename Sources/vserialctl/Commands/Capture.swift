import ArgumentParser

/// `vserialctl capture`: what ports carry, into a file.
struct Capture: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write what ports carry to a file for Wireshark.",
        subcommands: [CaptureStart.self, CaptureStop.self])
}
