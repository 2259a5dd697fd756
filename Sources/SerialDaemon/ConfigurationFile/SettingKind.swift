import TOML

/// Which kinds of TOML values a key takes. What a value then means is judged by its text, as on the command line.
enum SettingKind {
    /// Any text, a path for example: a number or a truth value there is a mistake.
    case text
    /// A user or a group, by name or number.
    case account
    /// Several of these: an array, or one string with `:` between them.
    case accounts
    /// Of a form that its reader checks strictly: number, size, seconds, on or off, one of some words.
    case strict

    /// The text of a value as a flag would have it; `nil` for a value of the wrong kind.
    func text(of value: TOMLValue) -> String? {
        switch (value.content, self) {
        case (.string(let text), _): text
        case (.integer(let digits), .account), (.integer(let digits), .accounts), (.integer(let digits), .strict):
            digits
        case (.float(let digits), .strict): digits
        case (.boolean(let isOn), .strict): isOn ? "on" : "off"
        case (.array(let elements), .accounts): Self.list(elements)
        default: nil
        }
    }

    /// To stand behind "must be".
    var accepted: String {
        switch self {
        case .text: "a string"
        case .account: "a string or a number"
        case .accounts: "an array of strings or numbers, or a string"
        case .strict: "a string, a number, true or false"
        }
    }

    /// One element for each account: a `:` in one of them would be two, and is in no name.
    private static func list(_ elements: [TOMLValue]) -> String? {
        var texts: [String] = []
        for element in elements {
            guard let text = SettingKind.account.text(of: element), !text.isEmpty else { return nil }
            guard !text.utf8.contains(UInt8(ascii: ":")) else { return nil }
            texts.append(text)
        }
        return texts.joined(separator: ":")
    }
}

extension OptionKey {
    var kind: SettingKind {
        switch self {
        case .socketPath, .socketDirectory, .control, .metricsFile, .captureDirectory: .text
        case .socketGroup, .user, .group: .account
        case .inheritedDescriptor, .maxPorts, .packedRings, .pollMicroseconds, .sandbox, .seccomp, .logLevel: .strict
        }
    }
}

extension PortKey {
    /// A key is strict unless it is listed here: most are, and their readers refuse what they do not know.
    var kind: SettingKind {
        switch self {
        // Permission bits are octal, and 0o660 would arrive as 432.
        case .name, .path, .mode, .logPath: .text
        case .owner, .group, .descriptor: .account
        case .allowedUsers, .allowedGroups: .accounts
        default: .strict
        }
    }
}
