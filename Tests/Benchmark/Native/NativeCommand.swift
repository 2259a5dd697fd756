import ArgumentParser
import DriverTestSupport
import FoundationEssentials

/// `benchmark native`: QEMU's own device and ours, behind QEMU, with our driver as the guest.
struct NativeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "native",
        abstract: "Drives QEMU's virtio-serial, and ours behind QEMU, without a guest's processor in the way.",
        discussion: """
            One driver program sets the device up over QEMU's qtest protocol, works the rings in the shared memory, \
            kicks QEMU's own ioeventfds and asks for interrupts as Linux does. calls_per_gib counts interrupts that \
            the driver saw: of two that follow each other at once it sees one.
            """)

    @OptionGroup var options: SuiteOptions
    @Option(help: "Which devices: builtin, ours, limit, limit-one-thread, limit-io_uring.")
    var devices = "builtin,ours,limit"
    @Option(help: "QEMU's program (default: that of scripts/make-qemu-root).") var qemu: String?

    private var machine: String {
        let cache = ProcessInfo.processInfo.environment["VHOST_USER_SERIAL_CACHE"] ?? ".cache"
        return qemu ?? "\(cache)/qemu-root/qemu-system-x86_64"
    }

    func run() throws {
        let names = devices.split(separator: ",").map(String.init)
        let processors = try options.processorSetting()
        let machine = machine
        var entries: [Suite.Entry] = []
        func add(_ label: DeviceLabel, _ layout: GuestDriver.Layout, _ kind: NativeDevice.Kind) {
            entries.append(
                Suite.Entry(label: label) {
                    try NativeDevice.start(
                        kind, label: label, qemu: machine, layout: layout, processors: processors, directory: $0)
                })
        }
        if names.contains("builtin") {
            for layout in try options.ringLayouts() {
                let variant = layout == .packed ? "packed" : ""
                add(DeviceLabel(device: "builtin", variant: variant, queueSize: 128), layout, .builtin)
            }
        }
        if names.contains("ours") {
            for variant in try options.daemonVariants() { add(variant.label, variant.layout, .daemon(variant.program)) }
        }
        for kind in LimitDevice.Kind.allCases where names.contains(kind.rawValue) {
            entries.append(
                Suite.Entry(label: kind.label) {
                    try LimitDevice(kind, processors: processors, log: "\($0)/log")
                })
        }
        try Suite(name: "native", options: options, entries: entries).run(baseline: "builtin")
    }
}
