import Testing

@testable import SerialDaemon

@Suite("KeyList: QEMU's key=value syntax")
struct KeyListTests {
    @Test(arguments: [
        ("name=vm.ctl", [("name", "vm.ctl")]),
        ("name=vm.ctl,nr=5", [("name", "vm.ctl"), ("nr", "5")]),
        ("path=/a,,b,nr=5", [("path", "/a,b"), ("nr", "5")]),
        ("path=a,,", [("path", "a,")]),
        ("path=,,,,a", [("path", ",,a")]),
        ("path=a,,,nr=1", [("path", "a,"), ("nr", "1")]),
        ("path=/x=y", [("path", "/x=y")]),
        // U+0308 joins the comma before it to one character; to the operator's shell it is a comma all the same.
        ("a=1,\u{308}b=2", [("a", "1"), ("\u{308}b", "2")]),
    ])
    func textIsSplitAtSingleCommas(text: String, expected: [(String, String)]) throws {
        let expected = expected.map { KeyList.Entry(key: $0.0, value: $0.1) }
        #expect(try KeyList(parsing: text).entries == expected)
    }

    @Test(arguments: [
        ("", ConfigurationError.keyWithoutValue(key: "")),
        ("vm.ctl", .keyWithoutValue(key: "vm.ctl")),
        ("name=", .keyWithoutValue(key: "name")),
        ("=x", .keyWithoutValue(key: "")),
        ("name=a,", .keyWithoutValue(key: "")),
        (",name=a", .keyWithoutValue(key: "")),
        ("name=a,console", .keyWithoutValue(key: "console")),
        ("nr=1,nr=1", .duplicateKey("nr")),
    ])
    func malformedListIsRefused(text: String, error: ConfigurationError) {
        #expect(throws: error) { try KeyList(parsing: text) }
    }
}
