import TOML

/// The configuration that the command line and a file make together, with the origin of each setting.
///
/// A flag goes before the file, and the file before the default; ports are added up.
package struct LayeredConfiguration: Sendable {
    package let configuration: DaemonConfiguration
    /// The file's first, in the order of ``DaemonConfiguration/ports``.
    let ports: [OperatorPort]
    private let flags: OperatorSettings
    private let file: ConfigurationFile?

    /// Puts the layers together and applies the rules between options.
    ///
    /// - Parameters:
    ///   - flags: of the command line; its ports are `ports`.
    ///   - ports: of the command line.
    ///   - file: if there is one.
    /// - Throws: ``ConfigurationFailure``, with the place in the file that broke a rule.
    package init(
        flags: OperatorSettings, ports: [OperatorPort], file: ConfigurationFile?
    ) throws(ConfigurationFailure) {
        self.flags = flags
        self.file = file
        self.ports = (file?.ports ?? []) + ports
        var settings = file.map { flags.over($0.settings) } ?? flags
        settings.ports = self.ports.map(\.options)
        do throws(ConfigurationError) {
            configuration = try settings.configuration()
        } catch {
            guard let file else { throw .commandLine(error) }
            let origins = error.subjects.flatMap {
                Self.origins(of: $0, flags: flags, ports: (file.ports + ports), file: file)
            }
            throw Self.failure(error, origins, in: file)
        }
    }

    /// An option's text, with the place where it was written; `nil` when it was not.
    func setting(_ option: OptionKey) -> (text: String, origin: SettingOrigin)? {
        if let text = flags.text(of: option) { return (text, .commandLine) }
        guard let text = file?.settings.text(of: option), let origin = file?.origins[option] else { return nil }
        return (text, origin)
    }

    /// Where a subject was written: in several places when ports have the same name.
    private static func origins(
        of subject: ConfigurationSubject, flags: OperatorSettings, ports: [OperatorPort], file: ConfigurationFile
    ) -> [SettingOrigin] {
        switch subject {
        case .option(let option):
            flags.text(of: option) != nil ? [.commandLine] : file.origins[option].map { [$0] } ?? []
        case .port(let name): ports.filter { $0.options.name == name }.map(\.origin)
        case .portKey(let key, let name): ports.filter { $0.options.name == name }.map { $0.origin(of: key) }
        }
    }

    /// The last place in the file is the one to go to: what stands above was there first.
    private static func failure(
        _ error: ConfigurationError, _ origins: [SettingOrigin], in file: ConfigurationFile
    ) -> ConfigurationFailure {
        if !origins.isEmpty, origins.allSatisfy({ $0 == .commandLine }) { return .commandLine(error) }
        var failure = ConfigurationFileError(path: file.path, problem: .rule(error))
        failure.position = origins.compactMap(\.position).max()
        failure.others = origins.filter { $0.position == nil || $0.position != failure.position }
        return .file([failure])
    }
}
