import ControlProtocol

/// `KEY=VALUE` words as a command's arguments. All values are strings, which the daemon reads as those of `--port`.
enum KeyValues {
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
            arguments[key] = .string(String(parts[1]))
        }
        return arguments
    }
}
