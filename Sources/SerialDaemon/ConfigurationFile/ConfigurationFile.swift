import LinuxIO
import TOML

/// A configuration file: the options of the command line as TOML keys, and a table `[[port]]` for each port.
///
/// Every value becomes the text that a flag would have, and is judged by the same readers: a key means the same in both,
/// and a new key of a port needs nothing here. All that is wrong is collected, so that one look repairs a file.
package struct ConfigurationFile: Sendable {
    /// More than a file for 127 ports with comments has; what is larger is some other file.
    package static let maximumByteCount = 1 << 20

    /// As it was given.
    package let path: String
    /// The options; its ports are those of ``ports``.
    package private(set) var settings = OperatorSettings(ports: [])
    private(set) var ports: [OperatorPort] = []
    /// Where the keys of the options are.
    private(set) var origins: [OptionKey: SettingOrigin] = [:]
    private var errors: [ConfigurationFileError] = []

    /// The array of tables that the ports are.
    private static let portKey = "port"

    /// Reads a file, and keeps none of it open.
    ///
    /// - Throws: ``ConfigurationFailure``: everything that is wrong with it.
    package init(path: String) throws(ConfigurationFailure) {
        let bytes: [UInt8]?
        do throws(SystemError) {
            bytes = try FileContents.read(path, atMost: Self.maximumByteCount)
        } catch {
            throw .file([ConfigurationFileError(path: path, problem: .unreadable(error))])
        }
        guard let bytes else { throw .file([ConfigurationFileError(path: path, problem: .tooLarge)]) }
        try self.init(bytes, path: path)
    }

    /// Reads the contents of a file.
    ///
    /// - Parameters:
    ///   - bytes: of the file.
    ///   - path: for the messages.
    /// - Throws: ``ConfigurationFailure``, as above.
    package init(_ bytes: [UInt8], path: String) throws(ConfigurationFailure) {
        self.path = path
        let members: [TOMLMember]
        do throws(TOMLSyntaxError) {
            members = try TOMLReader.read(bytes)
        } catch {
            throw .file([
                ConfigurationFileError(path: path, position: error.position, problem: .syntax(error.reason))
            ])
        }
        for member in members {
            if member.key == Self.portKey { addPorts(member) } else { set(member) }
        }
        guard errors.isEmpty else { throw .file(errors) }
        settings.ports = ports.map(\.options)
    }

    // MARK: Options

    private mutating func set(_ member: TOMLMember) {
        guard let option = OptionKey(rawValue: member.key) else {
            let known = OptionKey.allCases.map(\.rawValue) + [Self.portKey]
            refuseUnknown(member, known: known)
            return
        }
        guard let text = text(of: member, option.kind) else { return }
        origins[option] = .file(path: path, member.keyPosition)
        do throws(ConfigurationError) {
            try settings.set(option, to: text)
        } catch {
            refuse(error, of: member)
        }
    }

    // MARK: Ports

    private mutating func addPorts(_ member: TOMLMember) {
        guard case .array(let ports) = member.value.content else {
            add(.portsAreNoTables, at: member.keyPosition)
            return
        }
        for port in ports {
            guard case .table(let members) = port.content else {
                add(.portsAreNoTables, at: port.position)
                continue
            }
            addPort(members, at: port.position)
        }
    }

    private mutating func addPort(_ members: [TOMLMember], at position: TOMLPosition) {
        let name = members.first { $0.key == PortKey.name.rawValue }
        if name == nil { add(.portWithoutName, at: position) }
        // Where the name is no name the other keys are looked at all the same.
        var port = OperatorPort(options: PortOptions(name: ""), settings: [], origin: .file(path: path, position))
        for member in members { set(member, of: &port) }
        ports.append(port)
    }

    private mutating func set(_ member: TOMLMember, of port: inout OperatorPort) {
        guard let key = PortKey(rawValue: member.key) else {
            refuseUnknown(member, known: PortKey.allCases.map(\.rawValue))
            return
        }
        guard let text = text(of: member, key.kind) else { return }
        port.settings.append(
            OperatorPort.Setting(
                entry: KeyList.Entry(key: member.key, value: text), origin: .file(path: path, member.keyPosition)))
        do throws(ConfigurationError) {
            if key == .name {
                if let problem = PortName.problem(with: text) { throw ConfigurationError.badPortName(text, problem) }
                port.options.name = text
            } else {
                try port.options.set(key, to: text, accounts: .databases)
            }
        } catch {
            refuse(error, of: member)
        }
    }

    // MARK: Values and errors

    /// What a flag would say; `nil` when the value cannot be meant, which is noted.
    private mutating func text(of member: TOMLMember, _ kind: SettingKind) -> String? {
        guard let text = kind.text(of: member.value) else {
            add(.wrongKind(key: member.key, accepted: kind.accepted), at: member.value.position)
            return nil
        }
        // As in a key list, an empty value is never meant.
        guard !text.isEmpty else {
            add(.noValue(key: member.key), at: member.value.position)
            return nil
        }
        guard !text.utf8.contains(0) else {
            add(.containsNUL(key: member.key), at: member.value.position)
            return nil
        }
        return text
    }

    private mutating func refuseUnknown(_ member: TOMLMember, known: [String]) {
        let nearest = NearestName.find(member.key, among: known)
        add(.unknownKey(member.key, nearest: nearest, known: known), at: member.keyPosition)
    }

    /// Names the value as the file has it: `true` and not `on`.
    private mutating func refuse(_ error: ConfigurationError, of member: TOMLMember) {
        let problem: ConfigurationFileError.Problem =
            switch (error, member.value.content) {
            case (.badValue(let key, _), .boolean(let value)):
                .badValue(key: key.rawValue, "\(value)", accepted: key.accepted)
            case (.badValue(let key, let text), _):
                .badValue(key: key.rawValue, text, accepted: key.accepted)
            case (.badOption(let option, _, let accepted), .boolean(let value)):
                .badValue(key: option.rawValue, "\(value)", accepted: accepted)
            case (.badOption(let option, let text, let accepted), _):
                .badValue(key: option.rawValue, text, accepted: accepted)
            default: .rule(error)
            }
        add(problem, at: member.value.position)
    }

    private mutating func add(_ problem: ConfigurationFileError.Problem, at position: TOMLPosition) {
        errors.append(ConfigurationFileError(path: path, position: position, problem: problem))
    }
}
