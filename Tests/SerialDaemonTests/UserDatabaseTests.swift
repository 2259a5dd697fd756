import Sandbox
import Testing

@testable import SerialDaemon

@Suite("UserDatabase")
struct UserDatabaseTests {
    @Test(
        arguments: [
            ("root", 0, 0), ("0", 0, 0), ("4294967294", 4_294_967_294, 4_294_967_294), ("65534", 65534, 65534),
        ] as [(String, UInt32, UInt32)])
    func userIsFoundByNameOrNumberWithItsGroup(text: String, user: UInt32, group: UInt32) {
        #expect(UserDatabase.identity(of: text) == Identity(user: user, group: group))
    }

    @Test(arguments: ["no such user", "", "-1", "4294967295"])
    func nobodyIsNobody(text: String) {
        #expect(UserDatabase.identity(of: text) == nil)
    }
}
