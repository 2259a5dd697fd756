import ControlProtocol

/// `KEY=VALUE` words as a command's arguments.
enum KeyValues {
    /// Keys whose values are numbers for the daemon; a value with a unit, such as `64K`, stays a string.
    private static let numbers: Set<String> = ["nr", "cols", "rows", "buffer-size", "linger", "expect-open"]

    /// The arguments of a command about a port. What keys there are, and what they accept, is the daemon's to say.
    static func arguments(id: String, _ words: [String]) throws(CommandFailure) -> [String: JSONValue] {
        var arguments: [String: JSONValue] = ["id": .string(id)]
        for word in words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let key = parts.first.map(String.init), !key.isEmpty else {
                throw .usage("\(word): write KEY=VALUE")
            }
            guard key != "id", key != "name" else { throw .usage("\(word): the port's name stands before the keys") }
            guard arguments[key] == nil else { throw .usage("\(key) is given twice") }
            arguments[key] = value(String(parts[1]), of: key)
        }
        return arguments
    }

    private static func value(_ text: String, of key: String) -> JSONValue {
        guard numbers.contains(key) else { return .string(text) }
        if let integer = Int64(text) { return .integer(integer) }
        // inf and nan are no JSON.
        if let number = Double(text), number.isFinite { return .number(number) }
        return .string(text)
    }
}
