import ArgumentParser
import ControlProtocol

/// The names of the daemon's ports, for the shell's completion.
enum PortNames {
    static let completion: CompletionKind = .custom { words, _, prefix in matching(prefix, in: words) }

    /// How long a shell stands still for a daemon that does.
    private static let patienceMilliseconds: Int32 = 500

    /// The names that begin so; none when the daemon cannot be asked. A shell's completion says nothing of its own.
    private static func matching(_ prefix: String, in words: [String]) -> [String] {
        var options = ControlOptions()
        options.path = controlPath(in: words)
        guard let client = try? options.connect(patienceMilliseconds: patienceMilliseconds),
            let ports = try? client.call(.queryPorts, returning: [PortStatus].self)
        else { return [] }
        // A name that the shell would have to quote is left to who types it.
        return ports.map(\.id).filter { $0.hasPrefix(prefix) && $0.allSatisfy(isPlain) }
    }

    /// What `--control` or `-c` says on a command line that is still being written.
    static func controlPath(in words: [String]) -> String? {
        for (index, word) in words.enumerated() {
            if let path = word.split(separator: "=", maxSplits: 1).dropFirst().first, word.hasPrefix("--control=") {
                return String(path)
            }
            if word == "--control" || word == "-c", index + 1 < words.count { return words[index + 1] }
        }
        return nil
    }

    private static func isPlain(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }
}
