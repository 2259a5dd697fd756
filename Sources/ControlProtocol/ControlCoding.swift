import FoundationEssentials

/// JSON as it is on the control socket: members are spelled with hyphens, as in QMP, and have no order.
package enum ControlCoding {
    /// The JSON text of a value, on one line.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .custom { path in Key(hyphenated(path[path.count - 1].stringValue)) }
        // A path is not "\/run\/vm1"; sorted, the same answer is the same text.
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        return Array(try encoder.encode(value))
    }

    /// Deeper texts are refused: nothing of ours is nested so, and the decoder's work grows with the square of the depth.
    package static let maximumDepth = 32

    /// A value from its JSON text.
    package static func decode<Value: Decodable>(_ type: Value.Type, from text: some Sequence<UInt8>) throws -> Value {
        guard JSONShape(of: text).depth <= maximumDepth else {
            throw DecodingError.dataCorrupted(.init(codingPath: [], debugDescription: "nested too deeply"))
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .custom { path in Key(camelCased(path[path.count - 1].stringValue)) }
        return try decoder.decode(type, from: Data(text))
    }

    /// `guestReady` is `guest-ready`.
    static func hyphenated(_ name: String) -> String {
        var text = ""
        for character in name.unicodeScalars {
            if ("A"..."Z").contains(character), !text.isEmpty, !name.hasPrefix("QMP") {
                text += "-" + String(character).lowercased()
            } else {
                text.unicodeScalars.append(character)
            }
        }
        return text
    }

    /// `guest-ready` is `guestReady`.
    static func camelCased(_ name: String) -> String {
        let words = name.split(separator: "-", omittingEmptySubsequences: false)
        // In place: the name may be as long as a command may be.
        return words.dropFirst().reduce(into: String(words.first ?? "")) { text, word in
            text += word.prefix(1).uppercased()
            text += word.dropFirst()
        }
    }

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(_ text: String) { stringValue = text }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}
