import MachineTestSupport

/// Something that goes wrong around a daemon, which it must get over.
struct Fault: Sendable {
    let name: String
    /// How much of it, in the fault's own unit: once through in a minute or so for all faults, and for a soak.
    let quickCount: Int
    let soakCount: Int
    /// Returns what was measured, in the order in which it is to be read.
    let body: @Sendable (FaultSetting) throws -> [Figure]

    init(
        _ name: String, quick: Int, soak: Int, _ body: @escaping @Sendable (FaultSetting) throws -> [Figure]
    ) {
        self.name = name
        quickCount = quick
        soakCount = soak
        self.body = body
    }

    static let all: [Fault] = [
        frontendKilled, clientsComeAndGo, stoppedClient, signalStorm, twoDaemons, symlink, kickStorm, manyPorts,
        logDiskFull, transcriptDiskFull, captureDiskFull, frontendThatNeverReads, controlClientsThatNeverRead,
        memoryGone,
    ]
}

/// A number with its name.
struct Figure: CustomStringConvertible {
    let description: String

    init(_ name: String, _ value: some CustomStringConvertible, _ unit: String = "") {
        description = "\(name)=\(value)\(unit)"
    }

    init(_ name: String, _ value: Double, _ unit: String = "") {
        // Three digits are more than any of these is good for.
        self.init(name, String(describing: (value * 1000).rounded() / 1000), unit)
    }
}

/// Why a fault cannot be played on this machine.
struct NotHere: Error {
    let reason: String
}
