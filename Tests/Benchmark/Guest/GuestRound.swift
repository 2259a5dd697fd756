import FoundationEssentials
import Glibc
import MachineTestSupport

/// One machine for each device, booted anew, which take turns within every work.
///
/// All but one are paused: this host's speed changes within seconds, so what is compared must be measured within
/// seconds.
final class GuestRound {
    /// The devices that failed, which are left out from there on.
    private(set) var failed: [GuestDevice] = []
    /// How much of a processor others may use.
    private static let othersLimit = 0.2
    /// The start of each line that is shown.
    private let name: String
    private let folder: String
    private let keepsFolder: Bool
    private var machines: [GuestMachine] = []

    /// Boots the machines, each in a folder of its own.
    init(_ devices: [GuestDevice], name: String, keepsFolder: Bool) {
        self.name = name
        self.keepsFolder = keepsFolder
        folder = "\(ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp")/serial-\(UUID().uuidString.prefix(8))"
        unsafe mkdir(folder, 0o700)
        for (index, device) in devices.enumerated() {
            unlessFailed(device) {
                let directory = "\(folder)/\(index)"
                unsafe mkdir(directory, 0o700)
                let machine = try GuestMachine(device, directory: directory)
                machines.append(machine)
                try machine.pause()
            }
        }
    }

    deinit {
        machines = []
        if keepsFolder {
            print("\(name): kept \(folder)")
        } else {
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    /// Does every work on every device, and again up to `patience` times while others use the machine.
    func measure(
        _ works: [GuestWork], seconds: Double, patience: Int,
        report: (GuestDevice, GuestWork, [String: Double]) throws -> Void
    ) {
        for work in works {
            for machine in machines {
                takeTurn(machine) {
                    guard var measures = try machine.measure(work, seconds: seconds) else { return }
                    for _ in 0..<patience where measures["others_load", default: 0] > Self.othersLimit {
                        measures = try machine.measure(work, seconds: seconds) ?? measures
                    }
                    try report(machine.device, work, measures)
                    show(machine.device, "\(work.kind.rawValue) \(work.byteCount) B: \(figure(measures))")
                }
            }
        }
    }

    /// Compares checksums on every device, one port alone and then eight at once.
    func verify() {
        for machine in machines {
            takeTurn(machine) {
                try machine.verify(ports: 1, byteCount: 32 << 20)
                try machine.verify(ports: 8, byteCount: 4 << 20)
                show(machine.device, "checksums agree, 64 MiB each way")
            }
        }
    }

    /// Ends the machines in the orderly way.
    func finish() {
        for machine in machines {
            unlessFailed(machine.device) {
                try machine.resume()
                try machine.finish()
            }
        }
    }

    /// Lets one machine run for one step.
    private func takeTurn(_ machine: GuestMachine, _ step: () throws -> Void) {
        unlessFailed(machine.device) {
            try machine.resume()
            try step()
            try machine.pause()
        }
    }

    private func unlessFailed(_ device: GuestDevice, _ step: () throws -> Void) {
        guard !failed.contains(device) else { return }
        do {
            try step()
        } catch {
            failed.append(device)
            // Its processes end with it.
            machines.removeAll { $0.device == device }
            show(device, "FAILED: \(error)")
        }
    }

    private func figure(_ measures: [String: Double]) -> String {
        if let speed = measures["mib_per_s"] { return "\(Int(speed)) MiB/s" }
        return "p50 \(Int(measures["p50_us", default: 0])) us"
    }

    /// One line at a time for who waits for it.
    private func show(_ device: GuestDevice, _ text: String) {
        print("\(name), \(device): \(text)")
        fflush(nil)
    }
}
