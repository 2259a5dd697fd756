import ArgumentParser
import FoundationEssentials
import Glibc
import MachineTestSupport

/// Runs scenarios, each in a process and a folder of its own.
@main
struct Runner: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vhost-user-serial-integration",
        abstract: "Boots real guests with real QEMU and checks what arrives.",
        discussion: "Run it in the top folder of the repository, after scripts/make-guest and scripts/build.")

    @Argument(help: "The scenarios to run; all when none is named.")
    var names: [String] = []

    @Flag(help: "Show the scenarios and end.")
    var list = false

    @Option(help: "Who serves the ports: the daemon, or QEMU's own device as a reference.")
    var device = Device.ours

    @Option(help: "The guest kernel, for scenarios that do not choose one.")
    var kernel = Kernel.newest

    @Option(help: "The layout of the daemon's virtqueues.")
    var rings = Rings.split

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("More options for the daemon, in one word: '--seccomp trap'.", valueName: "options"))
    var daemonArguments = ""

    @Option(help: "How many run at a time.")
    var jobs = 2

    @Flag(help: "Leave the folders with logs and sockets behind.")
    var keep = false

    @Flag(help: "Show failures and the last line only.")
    var quiet = false

    @Option(help: ArgumentHelp("Boot guests instead, each of which must deliver its first byte.", valueName: "count"))
    var bootLoop: Int?

    @Option(help: .hidden)
    var directory: String?

    func run() throws {
        if list { return Scenario.all.forEach { print($0.name) } }
        if let directory { return try runAlone(in: directory) }
        let repeated = bootLoop.map { Array(repeating: "first-byte", count: $0) }
        let chosen = try (repeated ?? names).map { name in
            guard let scenario = Scenario.named(name) else { throw ValidationError("There is no scenario \(name).") }
            return scenario
        }
        var suite = try Suite(options: self, scenarios: chosen.isEmpty ? Scenario.all : chosen)
        if try suite.run() > 0 { throw ExitCode.failure }
    }

    /// The process of one scenario: what it prints is shown when it fails.
    private func runAlone(in directory: String) throws {
        Signals.block([SIGCHLD])
        guard let scenario = names.first.flatMap(Scenario.named) else { throw ExitCode(EX_USAGE) }
        do {
            let arguments = daemonArguments.split(separator: " ").map(String.init)
            try scenario.body(
                Setting(
                    device: device, kernel: kernel, directory: directory, rings: rings, daemonArguments: arguments))
        } catch {
            print(error)
            throw ExitCode.failure
        }
    }
}

extension Device: ExpressibleByArgument {}

extension Kernel: ExpressibleByArgument {}

extension Rings: ExpressibleByArgument {}
