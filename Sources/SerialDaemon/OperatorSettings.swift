import LinuxIO
import Logging
package import Sandbox
import VirtioConsole

/// What the operator wrote, option by option, before the rules between options are applied.
///
/// The command line fills one of these, a configuration file another; what is `nil` was not given. ``configuration()`` turns
/// one into a ``DaemonConfiguration`` or says what is wrong, and touches nothing of the host except the databases of users and groups.
package struct OperatorSettings: Sendable {
    package var socketPath: String?
    package var inheritedDescriptor: Int?
    package var controlPath: String?
    package var captureDirectory: String?
    package var metricsPath: String?
    package var socketDirectory: String?
    /// A group's name or number.
    package var socketGroup: String?
    package var maxPorts: Int?
    package var ports: [PortOptions]
    package var offersPackedRings: Bool?
    package var pollingMicroseconds: Int?
    /// A user's and a group's name or number.
    package var user: String?
    package var group: String?
    package var confinement: Confinement?
    package var filterAction: FilterAction?
    package var logLevel: String?

    package init(
        socketPath: String? = nil, inheritedDescriptor: Int? = nil, controlPath: String? = nil,
        captureDirectory: String? = nil, metricsPath: String? = nil,
        socketDirectory: String? = nil,
        socketGroup: String? = nil,
        maxPorts: Int? = nil, ports: [PortOptions],
        offersPackedRings: Bool? = nil, pollingMicroseconds: Int? = nil, user: String? = nil, group: String? = nil,
        confinement: Confinement? = nil, filterAction: FilterAction? = nil,
        logLevel: String? = nil
    ) {
        self.socketPath = socketPath
        self.inheritedDescriptor = inheritedDescriptor
        self.controlPath = controlPath
        self.captureDirectory = captureDirectory
        self.metricsPath = metricsPath
        self.socketDirectory = socketDirectory
        self.socketGroup = socketGroup
        self.maxPorts = maxPorts
        self.ports = ports
        self.offersPackedRings = offersPackedRings
        self.pollingMicroseconds = pollingMicroseconds
        self.user = user
        self.group = group
        self.confinement = confinement
        self.filterAction = filterAction
        self.logLevel = logLevel
    }

    /// Applies the rules between options, the defaults and the port numbers.
    ///
    /// - Throws: ``ConfigurationError``, always the operator's to repair.
    package func configuration() throws(ConfigurationError) -> DaemonConfiguration {
        let frontend = try frontendSource()
        let logLevel = logLevel ?? Logger.Level.info.rawValue
        let maxPorts = maxPorts ?? DaemonConfiguration.defaultMaxPorts
        let pollingMicroseconds = pollingMicroseconds ?? 0
        guard let level = Logger.Level(rawValue: logLevel) else { throw .unknownLogLevel(logLevel) }
        guard (1...DaemonConfiguration.maximumPortLimit).contains(maxPorts) else { throw .maxPortsOutOfRange(maxPorts) }
        guard (0...DaemonConfiguration.maximumPollingMicroseconds).contains(pollingMicroseconds) else {
            throw .pollingOutOfRange(pollingMicroseconds)
        }
        guard !ports.isEmpty else { throw .noPorts }
        try refuseRepeatedNames()
        let numbers = try PortNumbering.assign(ports, maxPorts: maxPorts)
        var configured: [PortConfiguration] = []
        for (port, number) in zip(ports, numbers) {
            configured.append(
                try port.configuration(number: number, endpoint: try port.endpoint(in: socketDirectory)))
        }
        let control = try controlAddress()
        try Self.refuseRepeatedAddresses(configured, frontend: frontend, control: control)
        return DaemonConfiguration(
            frontend: frontend, socketDirectory: socketDirectory, socketGroup: try groupIdentifier(),
            maxPorts: maxPorts,
            ports: configured, controlAddress: control,
            metricsPath: metricsPath, captureDirectory: captureDirectory,
            offersPackedRings: offersPackedRings ?? false,
            pollingNanoseconds: UInt64(pollingMicroseconds) * 1000,
            sandbox: SandboxOptions(
                confinement: confinement, filterAction: filterAction ?? .kill, identity: try identity(),
                needsPeerIdentities: configured.contains { !$0.peerPolicy.isEmpty },
                duties: duties(of: configured, control),
                directories: directories(of: configured, frontend, control)),
            logLevel: level)
    }

    private func frontendSource() throws(ConfigurationError) -> FrontendSource {
        switch (socketPath, inheritedDescriptor) {
        case (nil, nil): throw .frontendMissing
        case (.some, .some): throw .frontendTwice
        case (let path?, nil): return .listen(try ConfigurationError.address(path, of: "--socket-path="))
        case (nil, let number?):
            guard let descriptor = Int32(exactly: number), descriptor >= 0 else { throw .badDescriptor(number) }
            return .inherited(descriptor)
        }
    }

    private func controlAddress() throws(ConfigurationError) -> UnixAddress? {
        guard let controlPath else {
            guard captureDirectory == nil else { throw .captureDirectoryWithoutControl }
            return nil
        }
        return try ConfigurationError.address(controlPath, of: "--control=")
    }

    private func identity() throws(ConfigurationError) -> Identity? {
        guard let user else {
            guard group == nil else { throw .groupWithoutUser }
            return nil
        }
        guard var identity = UserDatabase.identity(of: user) else { throw .unknownUser(user) }
        if let group {
            guard let number = GroupDatabase.identifier(of: group) else { throw .unknownGroup("--group", group) }
            identity.group = number
        }
        return identity
    }

    private func duties(of ports: [PortConfiguration], _ control: UnixAddress?) -> ControlDuties {
        var duties: ControlDuties = []
        if control != nil || metricsPath != nil { duties.insert(.operators) }
        if ports.contains(where: \.endpoint.isConnector) { duties.insert(.connectors) }
        if ports.contains(where: { $0.transcript != nil }) { duties.insert(.transcripts) }
        if ports.contains(where: { $0.endpoint == .standardStreams }) { duties.insert(.terminal) }
        return duties
    }

    /// Where the sockets are, which are removed at the end, and the files that are written.
    private func directories(
        of ports: [PortConfiguration], _ frontend: FrontendSource, _ control: UnixAddress?
    ) -> [String] {
        var addresses: [UnixAddress] = []
        if let control { addresses.append(control) }
        if case .listen(let address) = frontend { addresses.append(address) }
        var directories = Set(addresses.compactMap(\.directory))
        directories.formUnion(ports.flatMap(\.endpoint.runtimePaths).map(Self.directory(of:)))
        // For ports that are added at run time.
        if control != nil, let socketDirectory { directories.insert(socketDirectory) }
        if let captureDirectory { directories.insert(captureDirectory) }
        if let metricsPath { directories.insert(Self.directory(of: metricsPath)) }
        directories.formUnion(ports.compactMap(\.transcript).map { Self.directory(of: $0.path) })
        return directories.sorted()
    }

    /// The directory that a file is in.
    ///
    /// Of bytes, as in ``fileName(of:)``: a combining mark behind a slash would make another character of it.
    static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(decoding: path.utf8[..<slash], as: UTF8.self)
    }

    /// What a file is called in its directory.
    static func fileName(of path: String) -> String {
        String(
            decoding: path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).last ?? [],
            as: UTF8.self)
    }

    private func groupIdentifier() throws(ConfigurationError) -> UInt32? {
        guard let socketGroup else { return nil }
        guard let identifier = GroupDatabase.identifier(of: socketGroup) else {
            throw .unknownGroup("--socket-group", socketGroup)
        }
        return identifier
    }

    private func refuseRepeatedNames() throws(ConfigurationError) {
        var names: Set<String> = []
        for port in ports where !names.insert(port.name).inserted { throw .portNameTwice(port.name) }
    }

    /// The text of the address is compared: two spellings of one file are found when the second is bound, because
    /// somebody listens there.
    static func refuseRepeatedAddresses(
        _ ports: [PortConfiguration], frontend: FrontendSource, control: UnixAddress?
    ) throws(ConfigurationError) {
        var owners: [String: String] = [:]
        if let control { owners[control.description] = "--control" }
        if case .listen(let address) = frontend {
            if let first = owners.updateValue("--socket-path", forKey: address.description) {
                throw .addressTwice(address, first: first, second: "--socket-path")
            }
        }
        for port in ports {
            let owner = "--port name=\(port.name)"
            guard case .listener(let address, _) = port.endpoint else { continue }
            if let first = owners.updateValue(owner, forKey: address.description) {
                throw .addressTwice(address, first: first, second: owner)
            }
        }
        let onStandardStreams = ports.filter { $0.endpoint == .standardStreams }
        guard onStandardStreams.count < 2 else {
            throw .standardStreamsTwice(first: onStandardStreams[0].name, second: onStandardStreams[1].name)
        }
    }
}

extension PortOptions {
    /// Default of `buffer-size=`.
    private static let defaultBufferByteCount = 64 << 10

    /// Applies the rules between the keys of one port, and the defaults.
    func configuration(
        number: Int, endpoint: EndpointConfiguration
    ) throws(ConfigurationError) -> PortConfiguration {
        let isConsole = isConsole ?? false
        let clientsAbsent = clientsAbsent ?? (isConsole ? .buffer : .block)
        if isConsole, clientsAbsent == .block { throw .consoleThatBlocks(port: name) }
        if bufferByteCount != nil, clientsAbsent != .buffer { throw .bufferSizeWithoutBuffer(port: name) }
        if !isConsole { try refuseConsoleKeys() }
        try refuseForeignKeys(of: endpoint.kind)
        if endpoint.keepsRecords {
            if clientsAbsent == .buffer { throw .keptRecords(.clientsAbsent, port: name) }
            if scrollbackByteCount != nil { throw .keptRecords(.scrollback, port: name) }
        }
        if let clientLimit, clientLimit > 1, !endpoint.takesManyClients { throw .manyClients(port: name) }
        if let writerLimit, writerLimit > clientLimit ?? 1 { throw .moreWritersThanClients(port: name) }
        let rate = bytesPerSecond == 0 ? nil : bytesPerSecond
        if isConsole, rate != nil { throw .consoleWithRate(port: name) }
        return PortConfiguration(
            name: name, number: number, isConsole: isConsole, endpoint: endpoint,
            size: try consoleSize(), resizeOrder: resizeOrder ?? .columnsFirst,
            clientsAbsent: clientsAbsent, bufferByteCount: bufferByteCount ?? Self.defaultBufferByteCount,
            guestClose: guestClose ?? .keep, lingerNanoseconds: lingerNanoseconds,
            expectOpenNanoseconds: expectOpenNanoseconds,
            peerPolicy: PeerPolicy(users: allowedUsers ?? [], groups: allowedGroups ?? []), access: access,
            clientLimit: clientLimit ?? 1, writerLimit: writerLimit ?? 1, scrollbackByteCount: scrollbackByteCount ?? 0,
            waitsForClient: waitsForClient ?? false, bytesPerSecond: rate, transcript: try transcript())
    }

    /// Linux applies a size to consoles only; on another port it would be taken and have no effect.
    private func refuseConsoleKeys() throws(ConfigurationError) {
        if columns != nil { throw .consoleKeyOnGenericPort(.columns, port: name) }
        if rows != nil { throw .consoleKeyOnGenericPort(.rows, port: name) }
        if resizeOrder != nil { throw .consoleKeyOnGenericPort(.resizeOrder, port: name) }
    }

    private func transcript() throws(ConfigurationError) -> TranscriptSettings? {
        guard let logPath else {
            if logAppends != nil { throw .logKeyWithout(.logPath, .logAppends, port: name) }
            if logByteCount != nil { throw .logKeyWithout(.logPath, .logSize, port: name) }
            if logFileCount != nil { throw .logKeyWithout(.logPath, .logFiles, port: name) }
            return nil
        }
        if logFileCount != nil, logByteCount == nil { throw .logKeyWithout(.logSize, .logFiles, port: name) }
        return TranscriptSettings(
            path: logPath, appends: logAppends ?? false, maximumByteCount: logByteCount,
            oldFileCount: logFileCount ?? 1)
    }

    private func consoleSize() throws(ConfigurationError) -> ConsoleSize? {
        switch (columns, rows) {
        case (nil, nil): return nil
        case (.some, nil): throw .halfASize(missing: .rows, port: name)
        case (nil, .some): throw .halfASize(missing: .columns, port: name)
        case (let columns?, let rows?): return ConsoleSize(columns: columns, rows: rows)
        }
    }
}
