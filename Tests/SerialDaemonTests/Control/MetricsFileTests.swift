import Glibc
import LinuxIO
import Testing

@testable import SerialDaemon

@Suite("MetricsFile")
struct MetricsFileTests {
    private func contents(_ path: String) -> String? {
        guard let file = unsafe fopen(path, "r") else { return nil }
        defer { unsafe fclose(file) }
        var text = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe fread(&text, 1, text.count, file)
        return String(decoding: text[..<count], as: UTF8.self)
    }

    @Test func theFileIsReplacedAsAWhole() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/vm1.prom"
        let file = try MetricsFile(path: path)
        #expect(file.write("a 1\n") == nil)
        #expect(contents(path) == "a 1\n")
        var status = stat()
        #expect(unsafe stat(path, &status) == 0 && status.st_mode & 0o777 == 0o644)
        // Who has the former one open reads it to its end.
        let former = unsafe open(path, O_RDONLY)
        defer { close(former) }
        #expect(file.write("a 2\n") == nil)
        var bytes = [UInt8](repeating: 0, count: 10)
        #expect(unsafe read(former, &bytes, 10) == 4 && bytes[2] == UInt8(ascii: "1"))
        #expect(contents(path) == "a 2\n")
        #expect(contents(path + ".new") == nil)
        file.remove()
        #expect(contents(path) == nil)
    }

    @Test func aFailureIsToldOnceAndItsEndToo() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/sub/vm1.prom"
        let file = try MetricsFile(path: path)
        #expect(file.write("a")?.contains("cannot be written") == true)
        #expect(file.write("a") == nil)
        #expect(unsafe mkdir(directory.path + "/sub", 0o700) == 0)
        #expect(file.write("a")?.contains("written again") == true)
        #expect(file.write("a") == nil)
        file.remove()
        _ = unsafe rmdir(directory.path + "/sub")
    }

    @Test func aSymbolicLinkInItsWayIsNotFollowed() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/vm1.prom"
        #expect(unsafe symlink(directory.path + "/elsewhere", path + ".new") == 0)
        #expect(try MetricsFile(path: path).write("a") != nil)
        #expect(contents(directory.path + "/elsewhere") == nil)
    }

    @Test(
        "the directory of a path",
        arguments: [
            ("a", "."), ("/a", "/"), ("/a/b", "/a"), ("a/b/c", "a/b"), ("./a", "."), ("/a//b", "/a/"),
            ("/a/\u{301}b", "/a"),
        ])
    func directories(path: String, directory: String) {
        #expect(OperatorSettings.directory(of: path) == directory)
    }
}
