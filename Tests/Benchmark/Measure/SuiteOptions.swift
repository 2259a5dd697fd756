import ArgumentParser
import CBenchmark
import DriverTestSupport
import FoundationEssentials
import Glibc

/// Options that `synthetic` and `native` share.
struct SuiteOptions: ParsableArguments {
    @Option(help: "Append the raw data to this file.") var output: String?
    @Option(help: "How many rounds; every device does every work in each.") var rounds = 5
    @Option(help: "How long each measurement takes, after a warm-up.") var seconds = 1.0
    @Option(help: "Which works, for example to-host,round-trip:1 (default: all).") var works: String?
    @Option(help: "The rings' sizes in entries. At most so many buffers are in flight.") var queueSizes = "128"
    @Option(help: "The daemon's program.") var daemon = ".build/release/vhost-user-serial"
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "More options for the daemon, in one word. Given more than once, each is a device of its own.",
            valueName: "options"))
    var daemonArguments: [String] = []
    @Option(
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp("What the samples call these options, once for each --daemon-arguments.", valueName: "name"))
    var variant: [String] = []
    @Option(help: "Kinds of rings, for QEMU's own device and for ours: split, packed.") var layouts = "split"
    @Option(parsing: .unconditional, help: "What the daemon needs for offering packed rings.")
    var packedArguments = "--packed-rings on"
    @Option(
        help: ArgumentHelp(
            "On which processors they run: driver, peer, device (QEMU and daemon); or any.",
            discussion: """
                By default the driver has one to itself, as a guest has, and everything of the host shares the other: it \
                does not fall asleep between two steps, which would cost more than the steps.
                """, valueName: "numbers"))
    var processors = "0,1,1"
    @Flag(help: "Check every byte in both directions instead of measuring.") var verify = false
    @Flag(help: "Say on standard error what is being done.") var progress = false

    @Option(help: "How many times a measurement is made again while others use the machine.") var patience = 3
    @Option(help: "How much of a processor others may use.") var othersLimit = 0.2
    @Flag(help: "The driver never lets others run on its processor.") var spin = false

    func processorSetting() throws -> Processors { try Processors(processors, driverYields: !spin) }

    var sizes: [Int] { queueSizes.split(separator: ",").compactMap { Int($0) } }

    func ringLayouts() throws -> [GuestDriver.Layout] {
        try layouts.split(separator: ",").map { name in
            guard let layout = GuestDriver.Layout(rawValue: String(name)) else {
                throw BenchmarkError("no such layout: \(name)")
            }
            return layout
        }
    }

    /// The daemon as it is to be measured.
    struct DaemonVariant {
        let label: DeviceLabel
        let layout: GuestDriver.Layout
        let program: DaemonProgram
    }

    /// Each layout, ring size and set of options.
    func daemonVariants() throws -> [DaemonVariant] {
        guard !sizes.isEmpty, sizes.allSatisfy({ (2...1024).contains($0) && $0.nonzeroBitCount == 1 }) else {
            throw BenchmarkError("--queue-sizes takes powers of two up to 1024, not \(queueSizes)")
        }
        let texts = daemonArguments.isEmpty ? [""] : daemonArguments
        guard variant.isEmpty || variant.count == texts.count else {
            throw BenchmarkError("one --variant for each --daemon-arguments")
        }
        var all: [DaemonVariant] = []
        for layout in try ringLayouts() {
            for (index, text) in texts.enumerated() {
                let names = (layout == .packed ? ["packed"] : []) + (variant.isEmpty ? [] : [variant[index]])
                let arguments = (layout == .packed ? packedArguments + " " : "") + text
                for size in sizes {
                    let label = DeviceLabel(
                        device: "ours", variant: names.filter { !$0.isEmpty }.joined(separator: " "), queueSize: size)
                    let program = DaemonProgram(
                        path: daemon, arguments: arguments.split(separator: " ").map(String.init))
                    all.append(DaemonVariant(label: label, layout: layout, program: program))
                }
            }
        }
        return all
    }

    func report(_ text: @autoclosure () -> String) {
        guard progress else { return }
        StandardError.write(text() + "\n")
    }
}

/// Text on standard error.
enum StandardError {
    static func write(_ text: String) {
        let bytes = Array(text.utf8)
        _ = unsafe Glibc.write(2, bytes, bytes.count)
    }
}

/// A directory of our own, removed with all that is in it.
final class ScratchDirectory {
    let path: String

    init() throws {
        path = "/tmp/vus-benchmark-\(getpid())-\(UUID().uuidString.prefix(8))"
        guard unsafe mkdir(path, 0o700) == 0 else { throw BenchmarkError("mkdir \(path): errno \(errno)") }
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }
}
