import ArgumentParser

/// Moves chains through a device loop, one thread playing guest, front-end and client, so that the same instructions run
/// each time. `scripts/hot-path` runs it under callgrind, which counts only what ``DeviceLoop`` does in its turns.
@main
struct HotPath: ParsableCommand {
    enum Direction: String, ExpressibleByArgument, CaseIterable {
        case toHost = "to-host"
        case toGuest = "to-guest"
    }

    static let configuration = CommandConfiguration(
        commandName: "hot-path", abstract: "Moves 4 KiB chains through a device loop.")

    @Option(help: "Which way the bytes go.")
    var direction = Direction.toHost

    @Option(help: "How many chains, a multiple of 128.")
    var chains = 128

    func run() throws {
        let bench = try HotPathBench()
        switch direction {
        case .toHost: try bench.moveToHost(chainCount: chains)
        case .toGuest: try bench.moveToGuest(chainCount: chains)
        }
    }
}
