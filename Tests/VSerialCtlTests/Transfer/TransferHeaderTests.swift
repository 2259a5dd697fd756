import Testing

@testable import vserialctl

@Suite("TransferHeader")
struct TransferHeaderTests {
    @Test func isOneLine() throws {
        let header = TransferHeader(byteCount: 12, name: "a b\nc")
        #expect(String(decoding: header.line, as: UTF8.self) == "VSERIAL-FILE 1 12 a b?c\n")
        #expect(try TransferHeader(header.line.dropLast()) == TransferHeader(byteCount: 12, name: "a b?c"))
    }

    @Test(arguments: [
        "", "VSERIAL-FILE 1 12", "VSERIAL-FILE 2 12 a", "VSERIAL-FILE 1 -1 a", "VSERIAL-FILE 1 +1 a",
        "VSERIAL-FILE 1  a", "VSERIAL-FILE 1 99999999999999999999 a", "VSERIAL-FILE 1 1x a",
    ])
    func refusesTheRest(line: String) {
        #expect(throws: CommandFailure.self) { try TransferHeader(Array(line.utf8)) }
    }
}
