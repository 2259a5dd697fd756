import ArgumentParser
import Glibc
import Sandbox
import SerialDaemon

/// The command line: options become ``OperatorSettings``, and those, over what `--config` has, the configuration that
/// ``Daemon`` runs. No option has a default here: a flag that was given goes before the file.
///
/// Synchronous on purpose: an `async` main would start threads before the daemon has blocked its signals.
@main
struct VhostUserSerial: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vhost-user-serial",
        abstract: "Serve a VM's virtio-serial ports over UNIX sockets, as a vhost-user back-end.",
        usage: """
            vhost-user-serial --socket-path PATH --socket-dir DIR --port name=NAME[,KEY=VALUE...] ...
            vhost-user-serial --fd FD --socket-dir DIR --port name=NAME[,KEY=VALUE...] ...
            vhost-user-serial --config FILE [--check-config] [OPTION...]
            """,
        discussion: CommandText.discussion,
        version: DaemonVersion.text)

    @Option(
        name: [.customLong("socket-path"), .customShort("s")],
        help: ArgumentHelp("Listen here for the front-end (QEMU's -chardev socket,path=PATH).", valueName: "path"))
    var socketPath: String?

    @Option(
        name: .customLong("fd"),
        help: ArgumentHelp("Use this inherited socket instead, listening or connected.", valueName: "fd"))
    var inheritedDescriptor: Int?

    @Option(
        name: .customLong("socket-dir"),
        help: ArgumentHelp("An existing directory for the ports' sockets, DIR/NAME.", valueName: "dir"))
    var socketDirectory: String?

    @Option(
        name: .customLong("socket-group"),
        help: ArgumentHelp(
            "Give the sockets to this group, by name or number, with mode 0660 (default: mode 0600).",
            valueName: "group"))
    var socketGroup: String?

    @Option(
        name: .customLong("port"),
        help: ArgumentHelp(
            "A port of the guest, as a list of keys (see above). Once for each port.", valueName: "keys")
    )
    var ports: [String] = []

    @Option(
        name: .customLong("control"),
        help: ArgumentHelp(
            "Listen here for programs that look after the VM, in QMP's language (see vserialctl).", valueName: "path"))
    var controlPath: String?

    @Option(
        name: .customLong("metrics-file"),
        help: ArgumentHelp(
            "Write the metrics to this file every 15 seconds, as Prometheus' text format has them.", valueName: "path"))
    var metricsPath: String?

    @Option(
        name: .customLong("capture-dir"),
        help: ArgumentHelp(
            "An existing directory that captures may be written to (see capture-start).", valueName: "dir"))
    var captureDirectory: String?

    @Option(
        name: .customLong("max-ports"),
        help: ArgumentHelp(
            "How many ports the device can have, 1 to 127: QEMU needs num_vqs=2*(N+1) or more (default: 31).",
            valueName: "n"))
    var maxPorts: Int?

    @Option(
        name: .customLong("packed-rings"),
        help: ArgumentHelp("Offer packed virtqueues to the guest, on or off (default: off).", valueName: "on|off"))
    var packedRings: Switch?

    @Option(
        name: .customLong("poll-us"),
        help: ArgumentHelp(
            """
            Stay awake for up to this long after activity, 0 to 1000 microseconds: quicker answers for processor time \
            (default: 0).
            """,
            valueName: "us"))
    var pollingMicroseconds: Int?

    @Option(
        name: .customLong("user"),
        help: ArgumentHelp(
            "Become this user once the sockets are open, by name or number; needs root.", valueName: "user"))
    var user: String?

    @Option(
        name: .customLong("group"),
        help: ArgumentHelp("With --user: this group, and not the user's own.", valueName: "group"))
    var group: String?

    @Option(
        name: .customLong("sandbox"),
        help: ArgumentHelp(
            "namespace, landlock or none (default: the strongest that works).", valueName: "kind"))
    var confinement: Confinement?

    @Option(
        name: .customLong("seccomp"),
        help: ArgumentHelp(
            """
            On a system call that is not needed: kill the process, trap (say which, and end), log it, or none \
            (default: kill).
            """,
            valueName: "action"))
    var filterAction: FilterAction?

    @Option(
        name: .customLong("log-level"),
        help: ArgumentHelp(
            "trace, debug, info, notice, warning, error or critical (default: info).", valueName: "level"))
    var logLevel: String?

    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "Read options and ports from this TOML file; flags go before it, and add ports.", valueName: "file"))
    var configurationPath: String?

    @Flag(
        name: .customLong("check-config"),
        help: "Print the configuration as TOML, with the place where each key was set, and start nothing.")
    var checksConfiguration = false

    /// Seen before anything is parsed, in ``main()``; declared for the help.
    @Flag(
        name: .customLong("print-capabilities"),
        help: "Print what this back-end can do as JSON, and ignore everything else.")
    var printCapabilities = false

    /// Answers `--print-capabilities` before the parser sees the other arguments: the convention has them all ignored,
    /// even wrong ones.
    static func main() {
        if CommandLine.arguments.dropFirst().contains("--print-capabilities") {
            print(CommandText.capabilities)
            return
        }
        main(nil)
    }

    func run() throws {
        let layers: LayeredConfiguration
        do throws(ConfigurationFailure) {
            layers = try layeredConfiguration()
        } catch {
            for line in error.lines { CommandText.printError(line) }
            throw ArgumentParser.ExitCode(error.exitCode.rawValue)
        }
        guard !checksConfiguration else {
            print(layers.text, terminator: "")
            return
        }
        throw ArgumentParser.ExitCode(Daemon.run(layers.configuration))
    }

    private func layeredConfiguration() throws(ConfigurationFailure) -> LayeredConfiguration {
        var parsed: [OperatorPort] = []
        do throws(ConfigurationError) {
            for port in ports { parsed.append(try OperatorPort(parsing: port)) }
        } catch {
            throw .commandLine(error)
        }
        var file: ConfigurationFile?
        if let configurationPath { file = try ConfigurationFile(path: configurationPath) }
        return try LayeredConfiguration(flags: settings, ports: parsed, file: file)
    }

    /// The flags, without the ports.
    private var settings: OperatorSettings {
        OperatorSettings(
            socketPath: socketPath, inheritedDescriptor: inheritedDescriptor, controlPath: controlPath,
            captureDirectory: captureDirectory, metricsPath: metricsPath,
            socketDirectory: socketDirectory,
            socketGroup: socketGroup, maxPorts: maxPorts, ports: [],
            offersPackedRings: packedRings.map { $0 == .on }, pollingMicroseconds: pollingMicroseconds, user: user,
            group: group,
            confinement: confinement, filterAction: filterAction, logLevel: logLevel)
    }
}

extension Confinement: ExpressibleByArgument {}
extension FilterAction: ExpressibleByArgument {}

/// The value of an option that is on or off.
enum Switch: String, ExpressibleByArgument, CaseIterable {
    case on, off
}
