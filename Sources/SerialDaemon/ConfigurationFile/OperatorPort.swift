import TOML

/// A port as the operator wrote it, with the place of each key.
package struct OperatorPort: Sendable {
    /// A key with its text.
    struct Setting: Equatable, Sendable {
        var entry: KeyList.Entry
        var origin: SettingOrigin
    }

    package var options: PortOptions
    var settings: [Setting]
    /// Where the port begins.
    var origin: SettingOrigin

    init(options: PortOptions, settings: [Setting], origin: SettingOrigin) {
        self.options = options
        self.settings = settings
        self.origin = origin
    }

    /// Reads the key list behind `--port`.
    ///
    /// - Throws: ``ConfigurationError``, as ``PortOptions/init(parsing:)``.
    package init(parsing text: String) throws(ConfigurationError) {
        options = try PortOptions(parsing: text)
        settings = try KeyList(parsing: text).entries.map { Setting(entry: $0, origin: .commandLine) }
        origin = .commandLine
    }

    /// Where a key is; where the port begins, when it has no such key.
    func origin(of key: PortKey) -> SettingOrigin {
        settings.first { $0.entry.key == key.rawValue }?.origin ?? origin
    }
}
