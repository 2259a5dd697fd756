/// How the process ends, in the words of sysexits.h, so that systemd prints names and a script can tell causes apart.
///
/// A unit file wants `RestartPreventExitStatus=64 77 78`: a restart repairs none of these.
package enum ExitCode: Int32, Sendable {
    /// Ended as asked: SIGTERM, SIGINT, or the end of an inherited connection.
    case success = 0
    /// EX_USAGE: the command line cannot be meant so.
    case usage = 64
    /// EX_UNAVAILABLE: somebody listens at a socket address already.
    case unavailable = 69
    /// EX_OSERR: a system call failed that should not.
    case osError = 71
    /// EX_CANTCREAT: a socket cannot be made where it was asked for.
    case cannotCreate = 73
    /// EX_NOPERM: the directory, or the group, is not ours to use.
    case noPermission = 77
    /// EX_CONFIG: a configuration file that cannot be meant so, or a request that is well formed for which this host
    /// does not have what it names.
    case configuration = 78
}

extension ConfigurationError {
    /// Everything here is on the command line and stays wrong on every host, except a user or a group that this host
    /// does not know.
    package var exitCode: ExitCode {
        switch self {
        case .unknownGroup, .unknownUser: .configuration
        case .badOption, .frontendMissing, .frontendTwice, .badDescriptor, .maxPortsOutOfRange, .pollingOutOfRange,
            .groupWithoutUser, .captureDirectoryWithoutControl, .unknownLogLevel, .noPorts, .tooManyPorts,
            .keyWithoutValue, .duplicateKey, .unknownKey, .badValue, .portWithoutName, .badPortName, .badAddress,
            .consoleKeyOnGenericPort, .halfASize, .consoleThatBlocks, .bufferSizeWithoutBuffer, .portNameTwice,
            .portNumberTooHigh, .portNumberTwice, .portWithoutPath, .addressTwice, .standardStreamsTwice,
            .keyOfOtherKind, .keyOfInheritedSocket, .kindWithoutPath, .reconnectOfListener, .accessOfConnector,
            .kindOnlyAtStart, .keyOnlyAtStart, .keptRecords, .manyClients,
            .moreWritersThanClients, .consoleWithRate, .logKeyWithout:
            .usage
        }
    }
}
