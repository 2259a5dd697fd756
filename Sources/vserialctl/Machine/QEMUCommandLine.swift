import ControlProtocol

/// The words that a QEMU was started with, as far as they are about the device and the memory.
struct QEMUCommandLine {
    private let options: [(name: String, value: String)]

    /// An option's value with its keys, from QEMU's own form (`driver,key=value`) or from JSON, which libvirt writes.
    struct Value: Equatable {
        /// The first word, which has no key: `driver`, `qom-type`, or a machine's `type`.
        var head: String
        var keys: [String: String]

        /// A number in decimal or hexadecimal digits; `fallback` when the key is not there, nil when it is no number.
        func number(_ key: String, default fallback: Int) -> Int? {
            guard let text = keys[key] else { return fallback }
            return text.hasPrefix("0x") ? Int(text.dropFirst(2), radix: 16) : Int(text)
        }

        /// Whether a switch is on.
        func isOn(_ key: String, default fallback: Bool) -> Bool {
            keys[key].map { ["on", "yes", "true", "y"].contains($0) } ?? fallback
        }
    }

    init(_ words: [String]) {
        var options: [(String, String)] = []
        var index = 1
        while index < words.count {
            let word = words[index]
            index += 1
            guard word.hasPrefix("-") else { continue }
            // Two hyphens are as good as one.
            let name = String(word.drop { $0 == "-" })
            guard ["device", "object", "machine", "M", "numa"].contains(name), index < words.count else { continue }
            options.append((name, words[index]))
            index += 1
        }
        self.options = options
    }

    /// A process's, from what `/proc/PID/cmdline` holds.
    init(procText bytes: [UInt8]) {
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false)
        self.init(words.map { String(decoding: $0, as: UTF8.self) })
    }

    /// The devices that the daemon could serve.
    var devices: [Value] {
        values("device", head: "driver").filter { [DeviceSettings.driver, "vhost-user-test-device"].contains($0.head) }
    }

    /// Whether the guest's memory is shared with whom QEMU tells; nil when no memory is named, which is not shared.
    var sharedMemory: Bool? {
        let objects = values("object", head: "qom-type").filter { $0.head.hasPrefix("memory-backend-") }
        let machines = values("machine", head: "type") + values("M", head: "type")
        let nodes = values("numa", head: "type")
        let used = Set(machines.compactMap { $0.keys["memory-backend"] } + nodes.compactMap { $0.keys["memdev"] })
        let backends = objects.filter { used.contains($0.keys["id"] ?? "") }
        // A memfd and POSIX shared memory are shared unless said; the others only when said.
        return backends.isEmpty
            ? nil
            : backends.allSatisfy {
                $0.isOn("share", default: ["memory-backend-memfd", "memory-backend-shm"].contains($0.head))
            }
    }

    private func values(_ option: String, head: String) -> [Value] {
        options.filter { $0.name == option }.compactMap { Self.value($0.value, head: head) }
    }

    /// Reads a value.
    static func value(_ text: String, head: String) -> Value? {
        if text.hasPrefix("{") {
            guard let members = try? ControlCoding.decode([String: JSONValue].self, from: text.utf8) else { return nil }
            var keys = members.compactMapValues(Self.text)
            return Value(head: keys.removeValue(forKey: head) ?? "", keys: keys)
        }
        var value = Value(head: "", keys: [:])
        for (index, part) in splitAtCommas(text).enumerated() {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            if sides.count == 2 {
                // Underscores and hyphens are the same to some options; these have one spelling each.
                value.keys[sides[0]] = sides[1]
            } else if index == 0 {
                value.head = part
            } else {
                value.keys[part] = "on"
            }
        }
        if let named = value.keys.removeValue(forKey: head) { value.head = named }
        return value
    }

    /// Parts with single commas between them; two commas are one in a part.
    private static func splitAtCommas(_ text: String) -> [String] {
        var parts = [""]
        var rest = Substring(text)
        while let character = rest.popFirst() {
            if character != "," {
                parts[parts.count - 1].append(character)
            } else if rest.first == "," {
                parts[parts.count - 1].append(rest.removeFirst())
            } else {
                parts.append("")
            }
        }
        return parts
    }

    private static func text(_ value: JSONValue) -> String? {
        switch value {
        case .bool(let value): value ? "on" : "off"
        case .integer(let value): String(value)
        case .string(let value): value
        case .null, .number, .array, .object: nil
        }
    }
}
