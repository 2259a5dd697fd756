import LinuxIO
import SerialDaemon

/// A configuration file: bytes as they come, or keys that there are with values that may be.
///
/// Checked beside that nothing traps: what is taken and written down again is the same configuration, and no message
/// carries a control character to a terminal.
final class ConfigurationFileTarget: FuzzTarget {
    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        switch source.choose(3) {
        case 0: try check(source.takeRest())
        // Bytes behind what makes a file whole: otherwise few are ever taken.
        case 1: try check(Array((Self.head + "[[port]]\nname = \"first\"\n").utf8) + source.takeRest())
        default: try check(Array((Self.head + Self.keys(&source)).utf8))
        }
    }

    // MARK: What is checked

    private func check(_ bytes: [UInt8]) throws(OracleFailure) {
        guard let layers = try Self.read(bytes) else { return }
        guard let again = try Self.read(Array(layers.text.utf8)) else {
            throw OracleFailure("what was written is refused: \(layers.text)")
        }
        try expect(again.configuration == layers.configuration, "read back as another configuration: \(layers.text)")
    }

    /// What was read; nil when it was refused, with messages that can be shown.
    private static func read(_ bytes: [UInt8]) throws(OracleFailure) -> LayeredConfiguration? {
        let failure: ConfigurationFailure
        do throws(ConfigurationFailure) {
            let file = try ConfigurationFile(bytes, path: "vm.toml")
            return try LayeredConfiguration(flags: OperatorSettings(ports: []), ports: [], file: file)
        } catch {
            failure = error
        }
        try expect(!failure.lines.isEmpty, "refused without a reason")
        for line in failure.lines {
            try expect(line.hasPrefix("vm.toml:"), "a message without a place: \(line)")
            try expect(isPrintable(line), "a message has a control character: \(line)")
        }
        return nil
    }

    private static func isPrintable(_ text: String) -> Bool {
        text.unicodeScalars.allSatisfy { scalar in
            let isControl = scalar.value < 0x20 || (0x7f..<0xa0).contains(scalar.value)
            return !isControl && scalar != "\u{2028}" && scalar != "\u{2029}"
        }
    }

    // MARK: Texts

    private static let head = """
        socket-path = "@vm"
        socket-dir = "/run/vm1"

        """

    private static let options = [
        "control", "metrics-file", "max-ports", "packed-rings", "poll-us", "sandbox", "seccomp", "log-level",
    ]

    private static let words = [
        "on", "rows-cols", "block", "buffer", "discard", "eof", "64K", "0.5", "none", "info", "@a",
    ]

    /// Keys of the daemon, and ports with theirs. Accounts are numbers: names would be looked up in the host's files.
    private static func keys(_ source: inout ByteSource) -> String {
        var lines: [String] = []
        for _ in 0..<source.choose(4) { lines.append("\(source.choose(from: options)) = \(value(&source))") }
        for _ in 0..<1 + source.choose(4) {
            lines.append("[[port]]")
            for index in 0..<1 + source.choose(6) {
                let key = index == 0 ? PortKey.name : source.choose(from: PortKey.allCases)
                lines.append("\(key.rawValue) = \(value(&source))")
            }
        }
        return lines.joined(separator: "\n")
    }

    private static func value(_ source: inout ByteSource) -> String {
        switch source.choose(6) {
        case 0: quoted(source.take(source.choose(24)))
        case 1: String(source.next(Int16.self))
        case 2: "\(source.next(UInt16.self)).\(source.next(UInt16.self))"
        case 3: source.nextBool() ? "true" : "false"
        case 4: "[\(source.next(UInt16.self)), \"\(source.next(UInt8.self))\"]"
        default:
            "\"\(source.choose(from: words))\""
        }
    }

    /// A basic string whose contents may be anything.
    private static func quoted(_ bytes: [UInt8]) -> String { "\"\(String(decoding: bytes, as: UTF8.self))\"" }
}
