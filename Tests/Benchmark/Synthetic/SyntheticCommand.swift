import ArgumentParser

/// `benchmark synthetic`: the daemon without QEMU, beside the limit.
struct SyntheticCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "synthetic",
        abstract: "Drives the daemon through a vhost-user front-end of our own, beside plain processes.",
        discussion: """
            The driver polls its rings and asks for interrupts as Linux does, which are counted and not taken. The \
            limit moves the same sizes between two plain processes, over a socket and from or to a shared memory file.
            """)

    @OptionGroup var options: SuiteOptions
    @Option(help: "Which devices: ours, limit, limit-one-thread, limit-io_uring.") var devices = "ours,limit"
    @Option(
        help: ArgumentHelp(
            "Each daemon has a control socket, and a program asks this --variant for its ports ten times a second.",
            valueName: "name"))
    var polled: String?

    func run() throws {
        let names = devices.split(separator: ",").map(String.init)
        let processors = try options.processorSetting()
        var entries: [Suite.Entry] = []
        for kind in LimitDevice.Kind.allCases where names.contains(kind.rawValue) {
            entries.append(
                Suite.Entry(label: kind.label) {
                    try LimitDevice(kind, processors: processors, log: "\($0)/log")
                })
        }
        if names.contains("ours") {
            let isIdle = try Work.selected(options.works) == [.idle]
            for variant in try options.daemonVariants() {
                let (label, program) = (variant.label, variant.program)
                entries.append(
                    Suite.Entry(label: label) {
                        if isIdle {
                            return try IdleDevice(
                                label: label, daemon: program, layout: variant.layout, processors: processors,
                                directory: $0)
                        }
                        return try SyntheticDevice.start(
                            label: label, daemon: program, layout: variant.layout, processors: processors,
                            directory: $0, monitor: polled.map { $0 == label.variant ? .polls : .silent } ?? .none)
                    })
            }
        }
        try Suite(name: "synthetic", options: options, entries: entries).run(baseline: "limit")
    }
}
