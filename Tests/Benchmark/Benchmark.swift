import ArgumentParser

/// Measures the daemon beside its peers. `scripts/benchmark` runs all of it and writes the report.
///
/// Every suite runs its devices side by side, one after the other within a round, in an order that turns from round to
/// round, and appends one ``Sample`` per measurement to a file of JSON lines.
@main
struct Benchmark: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "benchmark", abstract: "Measures vhost-user-serial beside its peers.",
        subcommands: [NativeCommand.self, SyntheticCommand.self, GuestCommand.self, WorkerCommand.self])
}
