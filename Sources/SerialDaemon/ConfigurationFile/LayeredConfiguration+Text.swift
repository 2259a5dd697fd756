import TOML

extension LayeredConfiguration {
    /// The configuration in force as a file that means the same, with the origin of each key behind it. For
    /// `--check-config`.
    package var text: String {
        var lines = ["# The configuration in force. Behind each key: where it was set."]
        for option in OptionKey.allCases {
            let set = setting(option)
            lines.append(
                Self.line(option.rawValue, set?.text ?? configuration.text(of: option), option.kind, set?.origin))
        }
        for (port, configured) in zip(ports, configuration.ports) {
            lines.append("")
            lines.append("[[port]]")
            for key in PortKey.allCases {
                let set = port.settings.first { $0.entry.key == key.rawValue }
                lines.append(
                    Self.line(
                        key.rawValue, set?.entry.value ?? configured.text(of: key), key.kind, set?.origin))
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ key: String, _ value: String?, _ kind: SettingKind, _ origin: SettingOrigin?) -> String {
        guard let value else { return "# \(key) is not set" }
        return "\(key) = \(literal(value, kind))  # \(place(origin))"
    }

    /// The number as one, where a number is meant; quoted everything reads back as well.
    private static func literal(_ value: String, _ kind: SettingKind) -> String {
        if case .strict = kind, let number = Int(value), "\(number)" == value { return value }
        return TOMLText.quoted(value)
    }

    private static func place(_ origin: SettingOrigin?) -> String {
        switch origin {
        case nil: "default"
        case .commandLine: "flag"
        case .file(let path, let position): "\(path.escaped):\(position.line)"
        }
    }
}
