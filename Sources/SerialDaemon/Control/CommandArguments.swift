import ControlProtocol

/// The arguments of one command, taken out one by one: what nobody has asked for in the end is an error, and so is one of
/// the wrong kind. The wording is QEMU's own.
struct CommandArguments {
    private var members: [String: JSONValue]

    init(_ members: [String: JSONValue]) {
        self.members = members
    }

    mutating func string(_ name: String) throws(ControlFailure) -> String? {
        switch members.removeValue(forKey: name) {
        case nil: nil
        case .string(let text): text
        default: throw Self.wrongKind(name, "string")
        }
    }

    mutating func requiredString(_ name: String) throws(ControlFailure) -> String {
        guard let text = try string(name) else { throw ControlFailure(.generic, "Parameter '\(name)' is missing") }
        return text
    }

    mutating func bool(_ name: String) throws(ControlFailure) -> Bool? {
        switch members.removeValue(forKey: name) {
        case nil: nil
        case .bool(let value): value
        default: throw Self.wrongKind(name, "boolean")
        }
    }

    mutating func integer(_ name: String, in range: ClosedRange<Int>) throws(ControlFailure) -> Int? {
        switch members.removeValue(forKey: name) {
        case nil: return nil
        case .integer(let value):
            guard let number = Int(exactly: value), range.contains(number) else { throw Self.outOfRange(name, range) }
            return number
        default: throw Self.wrongKind(name, "integer")
        }
    }

    /// A number of bytes, or as text the way that options have it: `"64M"`.
    mutating func byteCount(_ name: String, in range: ClosedRange<Int>) throws(ControlFailure) -> Int? {
        guard case .string(let text) = members[name] else { return try integer(name, in: range) }
        members[name] = nil
        guard let count = OptionValue.byteCount(text, in: range) else { throw Self.outOfRange(name, range) }
        return count
    }

    mutating func requiredInteger(_ name: String, in range: ClosedRange<Int>) throws(ControlFailure) -> Int {
        guard let value = try integer(name, in: range) else {
            throw ControlFailure(.generic, "Parameter '\(name)' is missing")
        }
        return value
    }

    mutating func strings(_ name: String) throws(ControlFailure) -> [String]? {
        guard let value = members.removeValue(forKey: name) else { return nil }
        guard case .array(let elements) = value else { throw Self.wrongKind(name, "array") }
        var strings: [String] = []
        for element in elements {
            guard case .string(let text) = element else { throw Self.wrongKind(name, "array of strings") }
            strings.append(text)
        }
        return strings
    }

    /// Everything that is left, as the keys and values of `--port`: numbers and truth values as their text.
    mutating func portKeys() throws(ControlFailure) -> [KeyList.Entry] {
        var entries: [KeyList.Entry] = []
        for (name, value) in members.sorted(by: { $0.key < $1.key }) {
            let text =
                switch value {
                case .string(let text): text
                case .integer(let number): "\(number)"
                case .number(let number): "\(number)"
                case .bool(let isOn): isOn ? "on" : "off"
                case .null, .array, .object: throw Self.wrongKind(name, "string, number or boolean")
                }
            entries.append(KeyList.Entry(key: name, value: text))
        }
        members = [:]
        return entries
    }

    /// All have been taken.
    func finish() throws(ControlFailure) {
        guard let name = members.keys.min() else { return }
        throw ControlFailure(.generic, "Parameter '\(name)' is unexpected")
    }

    private static func outOfRange(_ name: String, _ range: ClosedRange<Int>) -> ControlFailure {
        ControlFailure(.generic, "Parameter '\(name)' expects \(range.lowerBound) to \(range.upperBound)")
    }

    private static func wrongKind(_ name: String, _ expected: String) -> ControlFailure {
        ControlFailure(.generic, "Invalid parameter type for '\(name)', expected: \(expected)")
    }
}
