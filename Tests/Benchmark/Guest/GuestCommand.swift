import ArgumentParser
import Glibc
import MachineTestSupport

/// Measures devices in a real guest, on an emulated processor.
struct GuestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "guest", abstract: "Measures in a real guest, on QEMU's emulated processor.",
        discussion: "Run it in the top folder of the repository, after scripts/make-benchmark-guest and scripts/build.")

    @Option(help: "How often each device is measured.")
    var rounds = 5

    @Option(help: "How long each measurement takes.")
    var seconds = 2.0

    @Option(help: "Which of builtin, ours and vsock, with commas between.")
    var devices = "builtin,ours,vsock"

    @Option(help: "The ring sizes that our daemon is measured with.")
    var queueSizes = "64,128,256,1024"

    @Option(
        name: .customLong("variant"),
        help: ArgumentHelp(
            "Measure our daemon with these arguments too, with rings of \(GuestDevice.usualQueueSize): poll=50:--poll-us 50",
            valueName: "label:arguments"))
    var variants: [String] = []

    @Option(help: "Which works, for example to-host,round-trip:1; all when none is named.")
    var works: String?

    @Option(help: ArgumentHelp("The file of JSON lines to append to.", valueName: "file"))
    var output: String?

    @Option(help: "How many times a measurement is made again while others use the machine.")
    var patience = 1

    @Flag(help: "Do not measure: compare checksums of what goes both ways.")
    var verify = false

    @Flag(help: "Leave the folders with logs behind.")
    var keep = false

    func run() throws {
        Signals.block([SIGCHLD])
        let works = try GuestWork.selected(works)
        let devices = try chosenDevices()
        var failures = 0
        for round in 1...max(1, verify ? 1 : rounds) {
            let guests = GuestRound(
                round.isMultiple(of: 2) ? devices.reversed() : devices,
                name: verify ? "guest" : "guest: round \(round)/\(rounds)", keepsFolder: keep)
            if verify {
                guests.verify()
            } else {
                try measure(works, on: guests, round: round)
            }
            guests.finish()
            failures += guests.failed.count
        }
        if failures > 0 { throw ExitCode.failure }
    }

    private func chosenDevices() throws -> [GuestDevice] {
        var kinds = try devices.split(separator: ",").map { name in
            guard let kind = GuestDevice.Kind(rawValue: String(name)) else {
                throw BenchmarkError("there is no device \(name)")
            }
            return kind
        }
        if kinds.contains(.vsock), !VsockBackend.isThere {
            print("guest: without vsock: there is no vhost-device-vsock")
            kinds.removeAll { $0 == .vsock }
        }
        let sizes = queueSizes.split(separator: ",").compactMap { Int($0) }
        return try GuestDevice.all(kinds, queueSizes: sizes, variants: variants)
    }

    private func measure(_ works: [GuestWork], on guests: GuestRound, round: Int) throws {
        let file = output.map { SampleFile(path: $0) }
        guests.measure(works, seconds: seconds, patience: patience) { device, work, measures in
            try file?.append(
                Sample(
                    suite: "guest", round: round, device: device.kind.rawValue, variant: device.variant,
                    queueSize: device.queueSize, work: work.kind.rawValue, byteCount: work.byteCount,
                    measures: measures))
        }
    }
}
