/// What a sender says first: `VSERIAL-FILE 1 BYTES NAME`, one line.
package struct TransferHeader: Equatable {
    package var byteCount: UInt64
    /// The file's name without its directories; the receiver chooses its own.
    package var name: String

    /// Longer lines are refused: a file's name has at most 255 bytes.
    package static let maximumByteCount = 512
    private static let magic = "VSERIAL-FILE 1"

    /// As it is sent. A name that would end the line is spelled with `?`; one that is too long, as names become when they
    /// are no UTF-8, ends earlier.
    package var line: [UInt8] {
        var line = Array("\(Self.magic) \(byteCount) ".utf8)
        for scalar in name.unicodeScalars {
            let bytes = Array(String(scalar.properties.generalCategory == .control ? "?" : scalar).utf8)
            guard line.count + bytes.count <= Self.maximumByteCount else { break }
            line += bytes
        }
        return line + [UInt8(ascii: "\n")]
    }

    package init(byteCount: UInt64, name: String) {
        self.byteCount = byteCount
        self.name = name
    }

    /// Reads a line without its end.
    ///
    /// - Throws: `noHeader` for what is none.
    package init(_ line: [UInt8]) throws(GuestError) {
        // By bytes: a space and a mark that combines with it, at the start of a name, are one character.
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, words[0] + [UInt8(ascii: " ")] + words[1] == Array(Self.magic.utf8)[...],
            words[2].allSatisfy({ (0x30...0x39).contains($0) }),
            let byteCount = UInt64(String(decoding: words[2], as: UTF8.self))
        else { throw .noHeader(line) }
        self.byteCount = byteCount
        name = String(decoding: words[3], as: UTF8.self)
    }
}
