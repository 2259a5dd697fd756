/// The syntax of a QEMU-style key list, `name=vm.ctl,nr=5`, without any meaning.
///
/// A single comma ends a value and `,,` is a comma inside it, as in QEMU's option syntax. A value may contain `=`; a
/// key cannot.
package struct KeyList: Equatable, Sendable {
    /// One `key=value`, in the order of the text, with `,,` already folded.
    package struct Entry: Equatable, Sendable {
        package var key: String
        package var value: String

        package init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var entries: [Entry] = []

    /// Splits a key list.
    ///
    /// - Throws: ``ConfigurationError/keyWithoutValue(key:)`` for an entry without `=` or with nothing behind it (an
    ///   empty value is never meant: `nr=` is what a script writes when its variable is unset), and
    ///   ``ConfigurationError/duplicateKey(_:)``.
    package init(parsing text: String) throws(ConfigurationError) {
        for part in Self.splitAtSingleCommas(text) {
            guard let equals = part.unicodeScalars.firstIndex(of: "=") else { throw .keyWithoutValue(key: part) }
            let key = String(part[..<equals])
            let value = String(part.unicodeScalars[equals...].dropFirst())
            guard !key.isEmpty, !value.isEmpty else { throw .keyWithoutValue(key: key) }
            guard !entries.contains(where: { $0.key == key }) else { throw .duplicateKey(key) }
            entries.append(Entry(key: key, value: value))
        }
    }

    /// Scalars and not characters: a combining mark behind a comma would otherwise hide that comma inside a grapheme.
    private static func splitAtSingleCommas(_ text: String) -> [String] {
        var parts: [String] = []
        var part = String.UnicodeScalarView()
        var scalars = text.unicodeScalars.makeIterator()
        var held = scalars.next()
        while let scalar = held {
            held = scalars.next()
            guard scalar == "," else {
                part.append(scalar)
                continue
            }
            if held == "," {
                part.append(",")
                held = scalars.next()
            } else {
                parts.append(String(part))
                part = String.UnicodeScalarView()
            }
        }
        parts.append(String(part))
        return parts
    }
}
