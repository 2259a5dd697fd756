import Testing

@testable import ClientProtocols

@Suite struct FileReceptionTests {
    private struct Outcome: Equatable {
        var header: TransferHeader?
        var bytes: [UInt8] = []
        var isWhole = false
        var error: GuestError?
    }

    private static let checksum = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

    private func receive(_ said: String, pieceByteCount: Int) -> Outcome {
        var reception = FileReception()
        var unread = UnreadBytes()
        var outcome = Outcome()
        var rest = Array(said.utf8)[...]
        do throws(GuestError) {
            while !rest.isEmpty {
                unread.append(rest.prefix(pieceByteCount))
                rest = rest.dropFirst(pieceByteCount)
                while let step = try reception.next(from: &unread) {
                    switch step {
                    case .header(let header): outcome.header = header
                    case .bytes(let piece): outcome.bytes += piece
                    case .whole: outcome.isWhole = true
                    }
                }
            }
        } catch {
            outcome.error = error
        }
        return outcome
    }

    @Test("a file comes out as it was sent, however it comes", arguments: [1, 2, 3, 7, 1000])
    func whole(pieceByteCount: Int) {
        let outcome = receive("VSERIAL-FILE 1 5 x\nhello\(Self.checksum)\nmore", pieceByteCount: pieceByteCount)
        let header = TransferHeader(byteCount: 5, name: "x")
        #expect(outcome == Outcome(header: header, bytes: Array("hello".utf8), isWhole: true))
    }

    @Test func anEmptyFileIsOne() {
        let checksum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        #expect(receive("VSERIAL-FILE 1 0 x\n\(checksum)\n", pieceByteCount: 1000).isWhole)
    }

    @Test(
        "what is not as it was sent is never whole", arguments: [1, 1000],
        [
            ("VSERIAL-FILE 1 5 x\nhellO\(checksum)\n", GuestError.changed),
            ("VSERIAL-FILE 1 4 x\nhello\(checksum)\n", .changed), ("VSERIAL-FILE 1 5 x\nhello\n", .changed),
            ("VSERIAL-FILE 1 5 x\nhello\(checksum) \n", .changed),
            ("VSERIAL-FILE 1 5 x\nhello" + String(repeating: "0", count: 513), .endlessLine),
            ("VSERIAL-FILE 2 5 x\n", .noHeader(Array("VSERIAL-FILE 2 5 x".utf8))),
            (String(repeating: "x", count: 513), .endlessLine),
        ])
    func refused(pieceByteCount: Int, example: (said: String, error: GuestError)) {
        let outcome = receive(example.said, pieceByteCount: pieceByteCount)
        #expect(outcome.error == example.error)
        #expect(!outcome.isWhole)
    }
}
