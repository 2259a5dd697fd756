import ArgumentParser
import ControlProtocol
import Glibc
import LinuxIO

/// Which daemon: the options that every command has.
struct ControlOptions: ParsableArguments {
    @Option(
        name: [.customLong("control"), .customShort("c")],
        help: ArgumentHelp(
            "The daemon's control socket (default: $VSERIALCTL_CONTROL).", valueName: "path"))
    var path: String?

    /// The socket's path, from the command line or the environment.
    var chosenPath: String? { path ?? Environment.value("VSERIALCTL_CONTROL") }

    /// Connects. A command may stay without an answer for so long.
    ///
    /// - Throws: ``CommandFailure``, the operator's or the host's.
    func connect(
        patienceMilliseconds: Int32 = ControlClient.usualPatienceMilliseconds
    ) throws(CommandFailure) -> ControlClient {
        guard let path = chosenPath else {
            throw .usage("say which daemon with --control PATH or VSERIALCTL_CONTROL=PATH")
        }
        return try ControlClient(path: path, patienceMilliseconds: patienceMilliseconds)
    }
}

/// Environment variables.
enum Environment {
    /// The value of a variable; nil when it is not set.
    static func value(_ name: String) -> String? {
        // SAFETY: nobody calls setenv(3): the string stays where it is while it is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
