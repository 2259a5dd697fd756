package import LinuxIO
package import TOML

/// One thing that is wrong with a configuration file, and where.
package struct ConfigurationFileError: Error, Equatable, Sendable {
    package enum Problem: Equatable, Sendable {
        // The file.
        case unreadable(SystemError)
        case tooLarge
        case syntax(String)

        // One key.
        /// The key, the one that may be meant, and all there are.
        case unknownKey(String, nearest: String?, known: [String])
        case wrongKind(key: String, accepted: String)
        case noValue(key: String)
        case containsNUL(key: String)
        /// The key, and its value as the file has it.
        case badValue(key: String, String, accepted: String)
        case portsAreNoTables
        case portWithoutName

        /// What the command line may not say either.
        case rule(ConfigurationError)
    }

    package var path: String
    /// Of the key or the value at fault; `nil` when it is the file as a whole.
    package var position: TOMLPosition?
    package var problem: Problem
    /// Where the other half of a contradiction is.
    package var others: [SettingOrigin] = []
}

extension ConfigurationFileError: CustomStringConvertible {
    /// One line, in the form of a compiler: `vm.toml:3:6: nr = 900 must be …`.
    package var description: String {
        let place = position.map { SettingOrigin.file(path: path, $0).description } ?? path.escaped
        let also = others.isEmpty ? "" : " See also \(others.map(\.description).joined(separator: " and "))."
        return "\(place): \(problem)\(also)"
    }
}

extension ConfigurationFileError.Problem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unreadable(let error):
            "cannot be read (\(error)): give --config a file that the daemon's user may read."
        case .tooLarge:
            "has more than \(ConfigurationFile.maximumByteCount >> 20) MiB: give --config a configuration file."
        case .syntax(let reason):
            "\(reason.escaped): write it as https://toml.io/en/v1.0.0 says."
        case .unknownKey(let key, let nearest?, _):
            "'\(key.escaped)' is no key: did you mean \(nearest)?"
        case .unknownKey(let key, nil, let known):
            "'\(key.escaped)' is no key: use \(known.joined(separator: ", "))."
        case .wrongKind(let key, let accepted): "\(key) must be \(accepted)."
        case .noValue(let key): "\(key) has no value: give one, or take the key away."
        case .containsNUL(let key): "\(key) has a NUL character, at which the host would cut it off: take it away."
        case .badValue(let key, let value, let accepted): "\(key) = \(value.escaped) must be \(accepted)."
        case .portsAreNoTables: "'port' must be a table for each port: write [[port]] and its keys in the lines below."
        case .portWithoutName:
            "the port has no name: add name = \"NAME\", as the guest shall see it in /dev/virtio-ports."
        case .rule(let error): Self.fileWords(error.description)
        }
    }

    /// A port of a file is not an option: the messages of the command line begin with one.
    private static func fileWords(_ text: String) -> String {
        for (option, word) in [("--port: ", ""), ("--port name=", "port ")] where text.hasPrefix(option) {
            return word + text.dropFirst(option.count)
        }
        return text
    }
}
