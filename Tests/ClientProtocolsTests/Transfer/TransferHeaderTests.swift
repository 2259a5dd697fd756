import Testing

@testable import ClientProtocols

@Suite("TransferHeader")
struct TransferHeaderTests {
    @Test func isOneLine() throws {
        let header = TransferHeader(byteCount: 12, name: "a b\nc")
        #expect(String(decoding: header.line, as: UTF8.self) == "VSERIAL-FILE 1 12 a b?c\n")
        #expect(try TransferHeader(header.line.dropLast()) == TransferHeader(byteCount: 12, name: "a b?c"))
    }

    /// With the space in front of it, it is one character.
    @Test func aNameMayBeginWithACombiningMark() throws {
        let header = TransferHeader(byteCount: 1, name: "\u{05AC}x")
        #expect(try TransferHeader(header.line.dropLast()) == header)
    }

    /// A file's name has 255 bytes at most; each that is no UTF-8 becomes three.
    @Test func aNameThatIsNoUTF8IsCut() throws {
        let name = String(decoding: [UInt8](repeating: 0xFF, count: 255), as: UTF8.self)
        let line = TransferHeader(byteCount: .max, name: name).line.dropLast()
        #expect(TransferHeader.maximumByteCount - 3 < line.count && line.count <= TransferHeader.maximumByteCount)
        #expect(try TransferHeader(Array(line)).name.unicodeScalars.allSatisfy { $0 == "\u{FFFD}" })
    }

    @Test(arguments: [
        "", "VSERIAL-FILE 1 12", "VSERIAL-FILE 2 12 a", "VSERIAL-FILE 1 -1 a", "VSERIAL-FILE 1 +1 a",
        "VSERIAL-FILE 1  a", "VSERIAL-FILE 1 99999999999999999999 a", "VSERIAL-FILE 1 1x a",
    ])
    func refusesTheRest(line: String) {
        #expect(throws: GuestError.self) { try TransferHeader(Array(line.utf8)) }
    }
}
