import Glibc
import LinuxIO
import SystemPackage
import Testing

@testable import SerialDaemon

@Suite("FileContents")
struct FileContentsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    private func file(_ bytes: [UInt8]) throws -> String {
        let path = directory.path + "/file"
        try directory.write(bytes, to: "file")
        return path
    }

    @Test(arguments: [0, 1, 65_536, 65_537, 200_000]) func wholeFileIsRead(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 31) }
        #expect(try FileContents.read(file(bytes), atMost: count) == bytes)
    }

    @Test func fileWithOneByteTooManyIsNone() throws {
        #expect(try FileContents.read(file([1, 2, 3]), atMost: 2) == nil)
    }

    @Test func whatIsNoFileIsTheHostsError() throws {
        #expect(throws: SystemError(call: "open", errno: .noSuchFileOrDirectory)) {
            try FileContents.read(directory.path + "/none", atMost: 1)
        }
        #expect(throws: SystemError(call: "read", errno: .isDirectory)) {
            try FileContents.read(directory.path, atMost: 1)
        }
    }

    @Test func endlessFileIsNotReadToItsEnd() throws {
        #expect(try FileContents.read("/dev/zero", atMost: 1 << 20) == nil)
    }
}
