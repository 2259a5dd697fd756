import Testing

@testable import ClientProtocols

@Suite struct ExportedPDUTests {
    @Test("what is carried begins behind the tags, whatever they are")
    func tags() throws {
        #expect(try ExportedPDU.tagByteCount([0, 0, 0, 0, 9]) == 4)
        #expect(try ExportedPDU.tagByteCount([0, 35, 0, 4, 0, 0, 0, 1, 0, 12, 0, 3, 1, 2, 3, 0, 0, 0, 0, 0, 9]) == 20)
    }

    @Test(
        "tags that do not end are refused",
        arguments: [[], [0], [0, 0], [0, 12, 0, 5, 1, 2, 3, 4], [0, 12, 0, 4, 1, 2, 3, 4], [0, 12, 0xFF, 0xFF]])
    func endless(bytes: [UInt8]) {
        #expect(throws: PcapngError.self) { try ExportedPDU.tagByteCount(bytes) }
    }
}
