import LinuxIO
import Logging
import Sandbox

extension OperatorSettings {
    /// Sets one option from its text.
    ///
    /// What needs the host's databases, or another option, is left to ``configuration()``.
    ///
    /// - Throws: ``ConfigurationError/badOption(_:_:accepted:)``, or the address's own error.
    mutating func set(_ option: OptionKey, to text: String) throws(ConfigurationError) {
        func require<Value>(_ value: Value?, _ accepted: String) throws(ConfigurationError) -> Value {
            guard let value else { throw .badOption(option, text, accepted: accepted) }
            return value
        }
        func word<Value: RawRepresentable<String> & CaseIterable>(
            _: Value.Type
        ) throws(ConfigurationError) -> Value {
            try require(Value(rawValue: text), PortKey.list(Value.allCases.map(\.rawValue)))
        }
        switch option {
        case .socketPath:
            _ = try ConfigurationError.address(text, of: "--socket-path=")
            socketPath = text
        case .inheritedDescriptor:
            inheritedDescriptor = try require(
                OptionValue.number(text, in: 0...Int(Int32.max)), "the number of an open socket")
        case .socketDirectory: socketDirectory = text
        case .socketGroup: socketGroup = text
        case .control:
            _ = try ConfigurationError.address(text, of: "--control=")
            controlPath = text
        case .metricsFile: metricsPath = text
        case .captureDirectory: captureDirectory = text
        case .maxPorts:
            let limit = DaemonConfiguration.maximumPortLimit
            maxPorts = try require(OptionValue.number(text, in: 1...limit), "1 to \(limit)")
        case .packedRings: offersPackedRings = try require(OptionValue.onOff(text), "on or off")
        case .pollMicroseconds:
            let limit = DaemonConfiguration.maximumPollingMicroseconds
            pollingMicroseconds = try require(OptionValue.number(text, in: 0...limit), "0 to \(limit) microseconds")
        case .user: user = text
        case .group: group = text
        case .sandbox: confinement = try word(Confinement.self)
        case .seccomp: filterAction = try word(FilterAction.self)
        case .logLevel: logLevel = try word(Logger.Level.self).rawValue
        }
    }

    /// The text of an option that was given; `nil` of one that was not.
    func text(of option: OptionKey) -> String? {
        switch option {
        case .socketPath: socketPath
        case .inheritedDescriptor: inheritedDescriptor.map(String.init)
        case .socketDirectory: socketDirectory
        case .socketGroup: socketGroup
        case .control: controlPath
        case .metricsFile: metricsPath
        case .captureDirectory: captureDirectory
        case .maxPorts: maxPorts.map(String.init)
        case .packedRings: offersPackedRings.map { $0 ? "on" : "off" }
        case .pollMicroseconds: pollingMicroseconds.map(String.init)
        case .user: user
        case .group: group
        case .sandbox: confinement?.rawValue
        case .seccomp: filterAction?.rawValue
        case .logLevel: logLevel
        }
    }

    /// These settings, and where they say nothing those of another: options one by one, the ports of both.
    func over(_ other: OperatorSettings) -> OperatorSettings {
        OperatorSettings(
            socketPath: socketPath ?? other.socketPath,
            inheritedDescriptor: inheritedDescriptor ?? other.inheritedDescriptor,
            controlPath: controlPath ?? other.controlPath,
            captureDirectory: captureDirectory ?? other.captureDirectory,
            metricsPath: metricsPath ?? other.metricsPath,
            socketDirectory: socketDirectory ?? other.socketDirectory,
            socketGroup: socketGroup ?? other.socketGroup,
            maxPorts: maxPorts ?? other.maxPorts, ports: other.ports + ports,
            offersPackedRings: offersPackedRings ?? other.offersPackedRings,
            pollingMicroseconds: pollingMicroseconds ?? other.pollingMicroseconds,
            user: user ?? other.user, group: group ?? other.group,
            confinement: confinement ?? other.confinement, filterAction: filterAction ?? other.filterAction,
            logLevel: logLevel ?? other.logLevel)
    }
}
