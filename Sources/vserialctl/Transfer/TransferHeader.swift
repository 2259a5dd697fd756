/// What a sender says first: `VSERIAL-FILE 1 BYTES NAME`, one line.
struct TransferHeader: Equatable {
    var byteCount: UInt64
    /// The file's name without its directories; the receiver chooses its own.
    var name: String

    /// Longer lines are refused: a file's name has at most 255 bytes.
    static let maximumByteCount = 512
    private static let magic = "VSERIAL-FILE 1"

    /// As it is sent. A name that would end the line is spelled with `?`.
    var line: [UInt8] {
        let printable = name.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : String($0) }
            .joined()
        return Array("\(Self.magic) \(byteCount) \(printable)\n".utf8)
    }

    init(byteCount: UInt64, name: String) {
        self.byteCount = byteCount
        self.name = name
    }

    /// Reads a line without its end.
    ///
    /// - Throws: `guestFailed` for what is no header.
    init(_ line: [UInt8]) throws(CommandFailure) {
        let words = String(decoding: line, as: UTF8.self)
            .split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, words[0] + " " + words[1] == Self.magic,
            words[2].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let byteCount = UInt64(words[2])
        else { throw .guestFailed("the guest sends no header: \(PrintableText.escaping(Array(line.prefix(80))))") }
        self.byteCount = byteCount
        name = String(words[3])
    }
}
