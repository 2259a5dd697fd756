import ArgumentParser
import DriverTestSupport
import FoundationEssentials
import Glibc
import MachineTestSupport

/// Plays faults to the daemon's real binary, with guest, front-end and clients in this process; see scripts/soak.
@main
struct Soak: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "soak", abstract: "Plays faults to a running vhost-user-serial.",
        discussion: """
            Each with split and with packed rings. Prints one line for each, with what was measured, and ends with 1 \
            when one failed.
            """)

    @Argument(help: "The faults to play; all when none is named.")
    var names: [String] = []

    @Flag(help: "Show the faults and end.")
    var list = false

    @Flag(help: "Play little of each fault.")
    var quick = false

    @Option(help: "Begin round after round until so many minutes are over; the round that runs is finished.")
    var minutes = 0.0

    @Option(help: "How much of each fault, in its own unit, instead of what it has for a soak.")
    var count: Int?

    @Option(help: "What random choices begin with.")
    var seed: UInt64 = 1

    @Option(help: "The daemon.")
    var daemon = Daemon.usualProgram

    @Option(parsing: .unconditional, help: "More options for the daemon, in one word.")
    var daemonArguments = ""

    func run() throws {
        if list { return Fault.all.forEach { print($0.name) } }
        let chosen = try names.map { name in
            guard let fault = Fault.all.first(where: { $0.name == name }) else {
                throw ValidationError("There is no fault \(name).")
            }
            return fault
        }
        Signals.block([SIGCHLD])
        signal(SIGPIPE, SIG_IGN)
        let end = Deadline(within: .seconds(minutes * 60))
        var (round, failedCount) = (0, 0)
        repeat {
            round += 1
            if minutes > 0 { report("round \(round)") }
            for layout in [GuestDriver.Layout.split, .packed] {
                for fault in chosen.isEmpty ? Fault.all : chosen where !play(fault, layout, round: round) {
                    failedCount += 1
                }
            }
        } while !end.hasPassed
        if failedCount > 0 { throw ExitCode.failure }
    }

    /// Plays one fault and prints its line; returns whether the daemon got over it.
    private func play(_ fault: Fault, _ layout: GuestDriver.Layout, round: Int) -> Bool {
        let count = count ?? (quick ? fault.quickCount : fault.soakCount)
        let start = ContinuousClock.now
        func line(_ figures: [Figure], _ outcome: String) {
            let seconds = Figure("seconds", start.duration(to: .now).seconds)
            let words = [fault.name, "rings=\(layout)", Figure("count", count).description, seconds.description]
            report((words + figures.map(\.description) + [outcome]).joined(separator: " "))
        }
        do {
            let directory = try Self.makeDirectory()
            do {
                let rings = layout == .packed ? ["--packed-rings", "on"] : []
                let figures = try fault.body(
                    FaultSetting(
                        program: daemon, options: rings + daemonArguments.split(separator: " ").map(String.init),
                        layout: layout, directory: directory, count: count, seed: seed &+ UInt64(round) &- 1))
                line(figures, "ok")
            } catch let error as NotHere {
                line([], "skipped: \(error.reason)")
            } catch {
                line([], "failed: \(error) (see \(directory))")
                return false
            }
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            line([], "failed: \(error)")
            return false
        }
        return true
    }

    private static func makeDirectory() throws -> String {
        var template = Array("/tmp/soak-XXXXXX".utf8CString)
        try expect(unsafe mkdtemp(&template) != nil, "no directory for sockets: errno \(errno)")
        return String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    /// At once, also into a pipe: somebody may be watching.
    private func report(_ text: String) {
        print(text)
        fflush(nil)
    }
}
