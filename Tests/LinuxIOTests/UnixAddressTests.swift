import LinuxIO
import SystemPackage
import Testing

@Suite("UnixAddress")
struct UnixAddressTests {
    @Test(arguments: [
        ("/run/vm1/vm.data", UnixAddress.path("/run/vm1/vm.data")), ("relative", .path("relative")),
        ("@name", .abstract("name")),
        ("@@", .abstract("@")), ("a@b", .path("a@b")),
    ])
    func isReadAndWrittenAsPeopleWriteIt(text: String, address: UnixAddress) throws {
        #expect(try UnixAddress(text) == address)
        #expect(address.description == text)
    }

    /// A mark that combines with the `@` to one character is part of the name.
    @Test func aNameMayBeginWithACombiningMark() throws {
        let address = try UnixAddress("@\u{301}a")
        #expect(address.description.utf8.elementsEqual("@\u{301}a".utf8))
    }

    @Test(arguments: ["", "@"])
    func emptyIsRefused(text: String) {
        #expect(throws: UnixAddressError.empty) { try UnixAddress(text) }
    }

    @Test(arguments: ["/run/a\0b", "@\0"])
    func nulIsRefused(text: String) {
        #expect(throws: UnixAddressError.containsNUL) { try UnixAddress(text) }
    }

    /// unix(7): sun_path has 108 bytes, one of them for the NUL.
    @Test(arguments: ["", "@"])
    func lengthIsCountedInBytes(prefix: String) throws {
        let longest = prefix + String(repeating: "ä", count: 53) + "x"
        #expect(throws: Never.self) { try UnixAddress(longest) }
        #expect(throws: UnixAddressError.pathTooLong(longest + "y", byteCount: 108)) { try UnixAddress(longest + "y") }
    }

    /// The cases can be made without the check, and the kernel would take the start of a path for the path.
    @Test(arguments: [UnixAddress.path(String(repeating: "x", count: 108)), .path("a\0b"), .path(""), .abstract("")])
    func anUncheckedCaseReachesNoSystemCall(address: UnixAddress) {
        #expect(throws: SystemError(call: "sockaddr_un", errno: .invalidArgument)) {
            _ = try UnixStream.connect(to: address)
        }
    }

    @Test(
        arguments: [
            ("/run/vm1/s", "/run/vm1"), ("/s", "/"), ("s", "."), ("a/s", "a"), ("./s", "."), ("/a//s", "/a/"),
            ("@name", nil), ("@a/b", nil),
        ] as [(String, String?)])
    func directoryIsWhatIsBeforeTheLastSlash(text: String, directory: String?) throws {
        #expect(try UnixAddress(text).directory == directory)
    }
}
