import LinuxIO
import Testing
import VirtioConsole

@testable import SerialDaemon

@Suite("PortOptions: one --port")
struct PortOptionsTests {
    @Test func everyKeyIsRead() throws {
        let text =
            "name=vm.con,nr=5,path=/x/y,console=on,cols=80,rows=25,resize-order=rows-cols,clients-absent=buffer,"
            + "buffer-size=64K,guest-close=eof,linger=0.5,rate=1M,logfile=/var/log/vm.con,logappend=on,log-size=64K,"
            + "log-files=1000"
        var expected = PortOptions(name: "vm.con")
        expected.number = 5
        expected.path = "/x/y"
        expected.isConsole = true
        expected.columns = 80
        expected.rows = 25
        expected.resizeOrder = .rowsFirst
        expected.clientsAbsent = .buffer
        expected.bufferByteCount = 65_536
        expected.guestClose = .eof
        expected.lingerNanoseconds = 500_000_000
        expected.bytesPerSecond = 1 << 20
        expected.logPath = "/var/log/vm.con"
        expected.logAppends = true
        expected.logByteCount = 64 << 10
        expected.logFileCount = 1000
        #expect(try PortOptions(parsing: text) == expected)
    }

    @Test func usersAndGroupsAreLists() throws {
        let options = try PortOptions(parsing: "name=a,allow-uids=root:1000:65534,allow-gids=0:7")
        #expect(options.allowedUsers == [0, 1000, 65534])
        #expect(options.allowedGroups == [0, 7])
    }

    @Test func whatIsNotGivenIsNotDecided() throws {
        #expect(try PortOptions(parsing: "name=a") == PortOptions(name: "a"))
    }

    @Test("a rate can be none", arguments: ["off", "0"])
    func noRate(text: String) throws {
        #expect(try PortOptions(parsing: "name=a,rate=\(text)").bytesPerSecond == 0)
    }

    @Test func orderOfKeysDoesNotMatter() throws {
        #expect(try PortOptions(parsing: "nr=3,name=a") == PortOptions(parsing: "name=a,nr=3"))
    }

    @Test(arguments: [
        (PortKey.number, "127"), (.number, "-1"), (.number, "five"), (.console, "yes"), (.console, "true"),
        (.columns, "0"),
        (.columns, "65536"), (.rows, "0"), (.rows, "65536"), (.resizeOrder, "cols"), (.clientsAbsent, "drop"),
        (.bufferSize, "0"),
        (.bufferSize, "65M"), (.guestClose, "on"), (.linger, "soon"), (.linger, "1000000001"),
        (.allowedUsers, "no such user"), (.allowedUsers, "0:"), (.allowedUsers, "4294967295"), (.allowedGroups, ":0"),
        (.allowedGroups, "no such group"), (.rate, "1023"), (.rate, "1025M"), (.rate, "on"), (.logPath, "/"),
        (.logPath, "/var/log/"), (.logPath, ".."), (.logPath, "/a\u{0}b"), (.logAppends, "yes"), (.logSize, "65535"),
        (.logSize, "1025G"),
        (.logFiles, "0"), (.logFiles, "1001"),
    ])
    func valueOutsideItsRangeIsRefused(key: PortKey, value: String) {
        #expect(throws: ConfigurationError.badValue(key, value)) {
            try PortOptions(parsing: "name=a,\(key.rawValue)=\(value)")
        }
    }

    @Test(arguments: [
        ("nr=5", ConfigurationError.portWithoutName("nr=5")),
        ("nmae=a", .unknownKey("nmae")),
        ("name=a,colour=red", .unknownKey("colour")),
        ("name=a,Nr=5", .unknownKey("Nr")),
        ("name=a,name=b", .duplicateKey("name")),
        ("name=a/b", .badPortName("a/b", .slash)),
    ])
    func listWithoutASensibleNameOrKeyIsRefused(text: String, error: ConfigurationError) {
        #expect(throws: error) { try PortOptions(parsing: text) }
    }

    @Test func pathLongerThanASocketAddressIsRefused() throws {
        let path = "/" + String(repeating: "x", count: 107)
        func endpoint(_ keys: String) throws -> EndpointConfiguration {
            try PortOptions(parsing: "name=a,\(keys)").endpoint(in: nil)
        }
        #expect(throws: ConfigurationError.self) { try endpoint("path=\(path)") }
        #expect(throws: Never.self) { try endpoint("path=\(path.dropLast())") }
        #expect(try endpoint("kind=file,path=\(path)") == .file(path, appends: false), "a file's may be as long")
    }

    @Test func pathWithAtSignIsAbstract() throws {
        #expect(try PortOptions(parsing: "name=a,path=@vm/a").path == "@vm/a")
    }
}
