package import LinuxIO
import Sandbox
package import VirtioConsole

/// One `--port` as its text has it: each key checked on its own, what was not given left `nil`.
///
/// Rules between keys, defaults and the port number follow in ``OperatorSettings``, which sees all ports together.
package struct PortOptions: Equatable, Sendable {
    package var name: String
    package var number: Int?
    package var kind: EndpointKind?
    package var path: String?
    package var isServer: Bool?
    package var waitsForClient: Bool?
    package var reconnectNanoseconds: UInt64?
    package var socketType: UnixSocketType?
    package var inheritedDescriptor: InheritedDescriptor?
    package var appends: Bool?
    package var clientLimit: Int?
    package var writerLimit: Int?
    package var scrollbackByteCount: Int?
    package var access = EndpointAccess()
    package var isConsole: Bool?
    package var columns: UInt16?
    package var rows: UInt16?
    package var resizeOrder: ResizeOrder?
    package var clientsAbsent: ClientsAbsent?
    package var bufferByteCount: Int?
    package var guestClose: GuestClose?
    package var lingerNanoseconds: UInt64?
    package var expectOpenNanoseconds: UInt64?
    /// Who may connect, by number.
    package var allowedUsers: [UInt32]?
    package var allowedGroups: [UInt32]?
    /// 0 is without bound.
    package var bytesPerSecond: Int?
    package var logPath: String?
    package var logAppends: Bool?
    package var logByteCount: Int?
    package var logFileCount: Int?

    /// The largest ``bufferByteCount``: 127 ports that all buffer stay below 8 GiB, and no console log needs more.
    package static let maximumBufferByteCount = 64 << 20
    /// The longest linger: longer than any wait that somebody means, and far from overflow in nanoseconds.
    package static let maximumLingerSeconds: UInt64 = 1_000_000_000

    /// The longest pause of a connector: a day.
    package static let maximumReconnectMilliseconds: UInt64 = 86_400_000
    /// What a rate can be: slower ones would have a message wait for minutes, faster ones bound nothing.
    package static let rates = 1 << 10...1 << 30

    /// A port with a name and nothing else decided.
    package init(name: String) {
        self.name = name
    }

    /// Parses the key list behind `--port`.
    ///
    /// - Throws: ``ConfigurationError``: the first key that is unknown, repeated, without a value or with one it does
    ///   not accept; a name that no guest could use; no name at all.
    package init(parsing text: String) throws(ConfigurationError) {
        let list = try KeyList(parsing: text)
        guard let entry = list.entries.first(where: { $0.key == PortKey.name.rawValue }) else {
            // A misspelt key says more than the absence that it caused (`nmae=vm.ctl`).
            for entry in list.entries { _ = try Self.key(entry.key) }
            throw .portWithoutName(text)
        }
        try self.init(name: entry.value, list.entries, accounts: .databases)
    }

    /// Takes keys and values that are apart already.
    ///
    /// - Parameters:
    ///   - name: the port's.
    ///   - entries: `name=` among them is left out.
    ///   - accounts: how users and groups are read.
    /// - Throws: ``ConfigurationError``, as above.
    init(name: String, _ entries: [KeyList.Entry], accounts: AccountLookup) throws(ConfigurationError) {
        if let problem = PortName.problem(with: name) { throw .badPortName(name, problem) }
        self.init(name: name)
        for entry in entries { try set(Self.key(entry.key), to: entry.value, accounts: accounts) }
    }

    private static func key(_ text: String) throws(ConfigurationError) -> PortKey {
        guard let key = PortKey(rawValue: text) else { throw .unknownKey(text) }
        return key
    }

    /// Sets one key from its text.
    mutating func set(
        _ key: PortKey, to value: String, accounts: AccountLookup
    ) throws(ConfigurationError) {
        switch key {
        case .name: break  // read by init, before every other key
        case .number:
            number = try key.require(OptionValue.number(value, in: 0...DaemonConfiguration.maximumPortLimit - 1), value)
        case .kind: kind = try key.require(EndpointKind(rawValue: value), value)
        case .path: path = value
        case .server: isServer = try key.require(OptionValue.onOff(value), value)
        case .wait: waitsForClient = try key.require(OptionValue.onOff(value), value)
        case .reconnect:
            reconnectNanoseconds =
                try key.require(OptionValue.number(value, in: 1...Self.maximumReconnectMilliseconds), value) * 1_000_000
        case .type: socketType = try key.require(UnixSocketType(key: value), value)
        case .descriptor: inheritedDescriptor = try key.require(InheritedDescriptor(value), value)
        case .append: appends = try key.require(OptionValue.onOff(value), value)
        case .clients:
            clientLimit = try key.require(OptionValue.number(value, in: 1...PortEndpoint.largestClientLimit), value)
        case .writers:
            writerLimit = try key.require(OptionValue.number(value, in: 1...PortEndpoint.largestClientLimit), value)
        case .scrollback:
            scrollbackByteCount = try key.require(
                OptionValue.byteCount(value, in: 1...Self.maximumBufferByteCount), value)
        case .owner: access.owner = try key.require(accounts.user(value), value)
        case .group: access.group = try key.require(accounts.group(value), value)
        case .mode: access.mode = try key.require(OptionValue.permissions(value), value)
        case .console: isConsole = try key.require(OptionValue.onOff(value), value)
        case .columns: columns = try key.require(OptionValue.number(value, in: 1...UInt16.max), value)
        case .rows: rows = try key.require(OptionValue.number(value, in: 1...UInt16.max), value)
        case .resizeOrder: resizeOrder = try key.require(ResizeOrder(rawValue: value), value)
        case .clientsAbsent: clientsAbsent = try key.require(ClientsAbsent(rawValue: value), value)
        case .bufferSize:
            bufferByteCount = try key.require(OptionValue.byteCount(value, in: 1...Self.maximumBufferByteCount), value)
        case .guestClose: guestClose = try key.require(GuestClose(rawValue: value), value)
        case .linger:
            lingerNanoseconds = try key.require(
                OptionValue.nanoseconds(value, maximumSeconds: Self.maximumLingerSeconds), value)
        case .expectOpen:
            expectOpenNanoseconds = try key.require(
                OptionValue.nanoseconds(value, maximumSeconds: Self.maximumLingerSeconds), value)
        case .allowedUsers:
            allowedUsers = try key.require(OptionValue.list(value) { accounts.user($0) }, value)
        case .allowedGroups:
            allowedGroups = try key.require(OptionValue.list(value) { accounts.group($0) }, value)
        case .rate:
            bytesPerSecond = try key.require(OptionValue.byteRate(value, in: Self.rates), value)
        case .logPath: logPath = try key.require(OptionValue.filePath(value), value)
        case .logAppends: logAppends = try key.require(OptionValue.onOff(value), value)
        case .logSize:
            logByteCount = try key.require(
                OptionValue.byteCount(
                    value, in: TranscriptSettings.smallestMaximum...TranscriptSettings.largestMaximum), value)
        case .logFiles:
            logFileCount = try key.require(OptionValue.number(value, in: TranscriptSettings.oldFileCounts), value)
        }
    }
}

extension PortKey {
    /// The value that was read, or the error that says what this key accepts.
    fileprivate func require<Value>(_ value: Value?, _ text: String) throws(ConfigurationError) -> Value {
        guard let value else { throw .badValue(self, text) }
        return value
    }
}
