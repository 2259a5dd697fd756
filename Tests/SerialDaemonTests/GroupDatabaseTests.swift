import Testing

@testable import SerialDaemon

@Suite("GroupDatabase")
struct GroupDatabaseTests {
    @Test(
        arguments: [
            ("root", 0), ("0", 0), ("4294967294", 4_294_967_294), ("4294967295", nil), ("no such group", nil),
            ("", nil), ("-1", nil),
        ] as [(String, UInt32?)])
    func groupIsFoundByNameOrNumber(text: String, expected: UInt32?) {
        #expect(GroupDatabase.identifier(of: text) == expected)
    }
}
