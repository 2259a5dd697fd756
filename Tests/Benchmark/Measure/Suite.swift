import CBenchmark
import FoundationEssentials
import Glibc

/// Runs works on devices, in rounds.
struct Suite {
    /// Made when its turn comes, and ended with it: one device at a time, so that none disturbs another.
    struct Entry {
        let label: DeviceLabel
        let make: (_ directory: String) throws -> any MeasuredDevice
    }

    let name: String
    let options: SuiteOptions
    let entries: [Entry]

    /// Runs everything and prints the table, with the other devices divided by `baseline`.
    func run(baseline: String) throws {
        if let processor = try options.processorSetting().driver, benchmark_pin_thread(Int32(processor)) != 0 {
            throw BenchmarkError("cannot run on processor \(processor): errno \(errno)")
        }
        if options.verify { return try verify() }
        let works = try Work.selected(options.works)
        let file = options.output.map { SampleFile(path: $0) }
        var table = ResultTable(baseline: baseline)
        for round in 1...max(1, options.rounds) {
            // Reversed on even rounds, so that a drift of the machine favours nobody.
            for entry in round % 2 == 0 ? entries.reversed() : entries {
                let directory = try ScratchDirectory()
                try withLog(in: directory) {
                    let device = try entry.make(directory.path)
                    for work in works {
                        options.report("\(name) round \(round) \(entry.label): \(work.name) \(work.byteCount)")
                        guard let measures = try measure(work, device) else { continue }
                        let sample = Sample(
                            suite: name, round: round, device: entry.label.device, variant: entry.label.variant,
                            queueSize: entry.label.queueSize, work: work.name, byteCount: work.byteCount,
                            measures: measures)
                        try file?.append(sample)
                        table.add(sample)
                    }
                }
            }
        }
        print(table.text)
    }

    /// Measures again, a few times, for as long as others use the machine.
    private func measure(_ work: Work, _ device: any MeasuredDevice) throws -> [String: Double]? {
        for attempt in 0... {
            FreshMemory.touch()
            guard let measures = try device.measure(work, seconds: options.seconds) else { return nil }
            let load = measures["others_load", default: 0]
            if load <= options.othersLimit || attempt >= options.patience { return measures }
            options.report("  others use \(Int(load * 100)) % of a processor: once more")
            usleep(500_000)
        }
        return nil
    }

    private func verify() throws {
        for entry in entries where entry.label.device != "limit" {
            let directory = try ScratchDirectory()
            try withLog(in: directory) {
                guard let device = try entry.make(directory.path) as? DrivenDevice else { return }
                options.report("\(name) \(entry.label): verify")
                try device.verify(seconds: options.seconds)
                print("\(name) \(entry.label): every byte arrived, in order, both ways")
            }
        }
    }

    /// When `body` fails, what the processes said is shown.
    private func withLog(in directory: ScratchDirectory, _ body: () throws -> Void) throws {
        do {
            try body()
        } catch {
            let log = FileManager.default.contents(atPath: "\(directory.path)/log") ?? Data()
            StandardError.write(String(decoding: log.suffix(4000), as: UTF8.self))
            throw error
        }
    }
}
