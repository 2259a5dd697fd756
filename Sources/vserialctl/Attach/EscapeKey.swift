import ArgumentParser

/// The key that leaves the port, as the user writes it: `^]`, `^A`, one character, or `none`.
struct EscapeKey: ExpressibleByArgument, Equatable {
    /// What the terminal sends for it; nil for no key at all.
    let byte: UInt8?
    /// How it is shown.
    let text: String

    var defaultValueDescription: String { text }

    /// Ctrl-], as telnet(1) and `virsh console` have it.
    static let usual = EscapeKey(byte: 0x1D, text: "^]")

    private init(byte: UInt8?, text: String) {
        self.byte = byte
        self.text = text
    }

    init?(argument: String) {
        if argument == "none" {
            self.init(byte: nil, text: argument)
            return
        }
        let bytes = Array(argument.utf8)
        switch (bytes.count, bytes.first) {
        case (1, .some(let byte)) where byte < 0x80: self.init(byte: byte, text: argument)
        // Ctrl takes away all but the lower five bits: ^@ to ^_, and ^a is ^A.
        case (2, UInt8(ascii: "^")) where 0x40...0x7E ~= bytes[1]:
            self.init(byte: bytes[1] & 0x1F, text: argument.uppercased())
        default: return nil
        }
    }
}
