/// Why there is no configuration: what the command line has wrong, or all that a file has.
package enum ConfigurationFailure: Error, Equatable, Sendable {
    case commandLine(ConfigurationError)
    /// In the order of the file; never empty.
    case file([ConfigurationFileError])

    /// A line for each thing that is wrong.
    package var lines: [String] {
        switch self {
        case .commandLine(let error): [error.description]
        case .file(let errors): errors.map(\.description)
        }
    }

    package var exitCode: ExitCode {
        switch self {
        case .commandLine(let error): error.exitCode
        case .file: .configuration
        }
    }
}
