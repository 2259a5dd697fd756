import LinuxIO
import SerialDaemon

/// What an operator writes: key lists, port options, names, addresses, and the rules between them.
///
/// Checked beside that nothing traps: what is taken means what was written, what is made keeps the rules of its type,
/// and no message carries a control character to a terminal.
final class KeyListsTarget: FuzzTarget {
    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        switch source.choose(4) {
        case 0: try checkText(Self.text(source.takeRest()))
        case 1: try checkPort(Self.text(source.takeRest()))
        case 2: try checkPort(Self.portText(&source))
        default: try checkSettings(&source)
        }
    }

    // MARK: What is checked

    /// Any text, as whatever it could stand for.
    private func checkText(_ text: String) throws(OracleFailure) {
        if PortName.problem(with: text) == nil {
            try expect(Self.isName(text), "'\(text)' is taken for a name")
        }
        if let address = try? UnixAddress(text) {
            try expect(address.description.utf8.elementsEqual(text.utf8), "'\(text)' became \(address)")
        }
        if let list = try Self.parse({ () throws(ConfigurationError) in try KeyList(parsing: text) }) {
            try Self.checkEntries(list.entries, of: text)
        }
    }

    /// Entries written down again are the text they were read from: nothing is lost, nothing made up.
    private static func checkEntries(_ entries: [KeyList.Entry], of text: String) throws(OracleFailure) {
        let written = entries.map { "\(doubled($0.key))=\(doubled($0.value))" }.joined(separator: ",")
        try expect(written.utf8.elementsEqual(text.utf8), "'\(text)' was read as '\(written)'")
    }

    private func checkPort(_ text: String) throws(OracleFailure) {
        if let options = try Self.parse({ () throws(ConfigurationError) in try PortOptions(parsing: text) }) {
            try Self.checkOptions(options)
        }
    }

    private static func checkOptions(_ options: PortOptions) throws(OracleFailure) {
        try expect(isName(options.name), "'\(options.name)' is a port's name")
        try expect(options.number.map { (0..<127).contains($0) } ?? true, "nr=\(options.number ?? 0)")
        try expect(options.columns != 0 && options.rows != 0, "a console without characters")
        try expect(
            options.bufferByteCount.map { (1...64 << 20).contains($0) } ?? true, "a buffer of the wrong size")
        try expect(options.lingerNanoseconds ?? 0 <= 1_000_000_000 * 1_000_000_000, "a linger without end")
        try expect(
            options.bytesPerSecond.map { $0 == 0 || (1 << 10...1 << 30).contains($0) } ?? true, "a rate out of bounds")
        try expect(options.logPath?.utf8.last != UInt8(ascii: "/"), "a directory to write a transcript to")
    }

    private func checkSettings(_ source: inout ByteSource) throws(OracleFailure) {
        var ports: [PortOptions] = []
        for _ in 0..<source.choose(6) {
            if let port = try? PortOptions(parsing: Self.portText(&source)) {
                ports.append(port)
            }
        }
        let settings = OperatorSettings(
            socketPath: source.nextBool() ? Self.shortText(&source) : nil,
            inheritedDescriptor: source.nextBool() ? Int(source.next(Int8.self)) : nil,
            socketDirectory: source.nextBool() ? Self.shortText(&source) : nil,
            // No group: it would be looked up in the host's files.
            maxPorts: Int(source.next(Int8.self)), ports: ports, offersPackedRings: source.nextBool(),
            pollingMicroseconds: Int(source.next(Int16.self)),
            logLevel: source.nextBool() ? "info" : Self.shortText(&source))
        if let configuration = try Self.parse(settings.configuration) {
            try Self.checkConfiguration(configuration)
        }
    }

    private static func checkConfiguration(_ configuration: DaemonConfiguration) throws(OracleFailure) {
        let ports = configuration.ports
        try expect((1...127).contains(configuration.maxPorts), "\(configuration.maxPorts) ports at most")
        try expect((1...configuration.maxPorts).contains(ports.count), "\(ports.count) ports")
        try expect(Set(ports.map(\.number)).count == ports.count, "a number is given twice")
        try expect(ports.allSatisfy { (0..<configuration.maxPorts).contains($0.number) }, "a number is too high")
        try expect(Set(ports.map(\.name)).count == ports.count, "a name is given twice")
        let listening = ports.compactMap { port in
            if case .listener(let address, _) = port.endpoint { address } else { nil }
        }
        try expect(Set(listening).count == listening.count, "an address is given twice")
        for port in ports {
            try expect(port.isConsole || port.size == nil, "a generic port has a size")
            try expect(!port.isConsole || port.clientsAbsent != .block, "a console blocks")
            try expect(!port.isConsole || port.bytesPerSecond == nil, "a console waits")
            let log = port.transcript
            try expect(log.map { $0.oldFileCount == 1 || $0.maximumByteCount != nil } ?? true, "old files of no size")
        }
    }

    /// What was parsed; nil when it was refused, with a message that can be shown.
    private static func parse<Value>(_ body: () throws(ConfigurationError) -> Value) throws(OracleFailure) -> Value? {
        let refusal: ConfigurationError
        do throws(ConfigurationError) {
            return try body()
        } catch {
            refusal = error
        }
        try checkMessage(refusal)
        return nil
    }

    /// The message is one line that moves no cursor.
    private static func checkMessage(_ error: ConfigurationError) throws(OracleFailure) {
        let isPrintable = error.description.unicodeScalars.allSatisfy { scalar in
            let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
            return !isControl && scalar != "\u{2028}" && scalar != "\u{2029}"
        }
        try expect(isPrintable, "a message has a control character: \(error)")
    }

    private static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "/") }
    }

    // MARK: Texts

    /// As Swift makes a text of an argument: what is no UTF-8 is repaired.
    private static func text(_ bytes: [UInt8]) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    private static func shortText(_ source: inout ByteSource) -> String {
        text(source.take(source.choose(24)))
    }

    private static func doubled(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.flatMap { $0 == "," ? [$0, $0] : [$0] }))
    }

    /// A key list of keys that there are, most of the time.
    private static func portText(_ source: inout ByteSource) -> String {
        let parts = (0..<1 + source.choose(8)).map { index in
            let keys = PortKey.allCases.map(\.rawValue)
            let choice = source.choose(keys.count + 2)
            let key = index == 0 ? "name" : choice < keys.count ? keys[choice] : shortText(&source)
            return "\(key)=\(value(&source))"
        }
        return parts.joined(separator: ",")
    }

    private static func value(_ source: inout ByteSource) -> String {
        switch source.choose(4) {
        case 0: shortText(&source)
        case 1: String(source.next(UInt16.self))
        case 2: "\(source.next(UInt64.self))\(source.choose(from: ["", "K", "M", "G", ".", ".5", "."]))"
        default:
            source.choose(from: ["on", "off", "cols-rows", "rows-cols", "block", "buffer", "discard", "keep", "eof"])
        }
    }
}
