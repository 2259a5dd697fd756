/// A setting that an error is about.
enum ConfigurationSubject: Equatable {
    case option(OptionKey)
    case port(String)
    case portKey(PortKey, port: String)
}

extension ConfigurationError {
    /// The settings that an error is about, so that its place in a file can be told; of two that contradict each other both.
    /// None when something is missing that could stand anywhere.
    var subjects: [ConfigurationSubject] {
        switch self {
        case .frontendMissing, .noPorts: []
        case .frontendTwice: [.option(.socketPath), .option(.inheritedDescriptor)]
        case .badDescriptor: [.option(.inheritedDescriptor)]
        case .maxPortsOutOfRange, .tooManyPorts: [.option(.maxPorts)]
        case .pollingOutOfRange: [.option(.pollMicroseconds)]
        case .unknownLogLevel: [.option(.logLevel)]
        case .badOption(let option, _, _): [.option(option)]
        case .unknownGroup(let option, _), .badAddress(let option, _, _): Self.subjects(named: option)
        case .unknownUser: [.option(.user)]
        case .groupWithoutUser: [.option(.group)]
        case .captureDirectoryWithoutControl: [.option(.captureDirectory)]

        // Found where one key is read, which knows its place.
        case .keyWithoutValue, .duplicateKey, .unknownKey, .badValue, .portWithoutName: []
        case .badPortName(let name, _), .portNameTwice(let name): [.portKey(.name, port: name)]
        case .consoleKeyOnGenericPort(let key, let port): [.portKey(key, port: port)]
        case .keyOfOtherKind(let key, _, let port), .keyOfInheritedSocket(let key, let port),
            .keyOnlyAtStart(let key, let port), .keptRecords(let key, let port):
            [.portKey(key, port: port)]
        case .kindWithoutPath(_, let port), .kindOnlyAtStart(_, let port): [.portKey(.kind, port: port)]
        case .reconnectOfListener(let port): [.portKey(.reconnect, port: port)]
        case .accessOfConnector(let port): [.portKey(.server, port: port)]
        case .standardStreamsTwice(let first, let second):
            [.portKey(.kind, port: first), .portKey(.kind, port: second)]
        case .manyClients(let port): [.portKey(.clients, port: port)]
        case .moreWritersThanClients(let port): [.portKey(.writers, port: port)]
        case .consoleWithRate(let port): [.portKey(.rate, port: port)]
        case .logKeyWithout(_, let key, let port): [.portKey(key, port: port)]
        case .halfASize(_, let port), .portWithoutPath(let port): [.port(port)]
        case .consoleThatBlocks(let port): [.portKey(.clientsAbsent, port: port)]
        case .bufferSizeWithoutBuffer(let port): [.portKey(.bufferSize, port: port)]
        case .portNumberTooHigh(_, let port, _): [.portKey(.number, port: port), .option(.maxPorts)]
        case .portNumberTwice(_, let first, let second):
            [.portKey(.number, port: first), .portKey(.number, port: second)]
        case .addressTwice(_, let first, let second): Self.subjects(named: first) + Self.subjects(named: second)
        }
    }

    /// Of the words that a message has for the owner of a path: `--control`, `--socket-path=`, `--port name=vm.ctl`.
    private static func subjects(named text: String) -> [ConfigurationSubject] {
        let port = "--port name="
        if text.hasPrefix(port) { return [.portKey(.path, port: String(text.dropFirst(port.count)))] }
        let word = text.drop { $0 == "-" }.prefix { $0 != "=" && $0 != ":" }
        return OptionKey(rawValue: String(word)).map { [.option($0)] } ?? []
    }
}
