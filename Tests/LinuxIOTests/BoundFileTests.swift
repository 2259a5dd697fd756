import Glibc
import LinuxIO
import Testing

@Suite("BoundFile")
struct BoundFileTests {
    @Test func theFileIsRemovedOnce() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        let boundFile = listener.boundFile
        let file = try #require(boundFile)
        #expect(file.path == path)
        file.removeIfUnchanged()
        #expect(directory.names() == [])
        file.removeIfUnchanged()
    }

    @Test func theFileOfAnotherIsKept() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let first = try UnixListener.bind(to: .path(path), mode: 0o600)
        // Somebody removes the file, and another daemon takes the path.
        #expect(unsafe unlink(path) == 0)
        let second = try UnixListener.bind(to: .path(path), mode: 0o600)
        #expect(first.boundFile != second.boundFile)
        first.boundFile?.removeIfUnchanged()
        #expect(directory.names() == ["socket"])
        second.boundFile?.removeIfUnchanged()
        #expect(directory.names() == [])
    }

    @Test(arguments: ["file", "link"])
    func whatSomebodyPutInItsPlaceIsKept(kind: String) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let listener = try UnixListener.bind(to: .path(path), mode: 0o600)
        // The socket itself goes on under another name: a link to it is still no file of ours.
        #expect(unsafe rename(path, "\(directory.path)/moved") == 0)
        switch kind {
        case "link": #expect(unsafe symlink("\(directory.path)/moved", path) == 0)
        default: close(unsafe open(path, O_CREAT | O_WRONLY, 0o600))
        }
        listener.boundFile?.removeIfUnchanged()
        #expect(Set(directory.names()) == ["socket", "moved"])
    }

    @Test func aMissingFileOrDirectoryIsNoFault() throws {
        let directory = try TemporaryDirectory()
        let listener = try UnixListener.bind(to: .path("\(directory.path)/socket"), mode: 0o600)
        #expect(unsafe unlink("\(directory.path)/socket") == 0)
        listener.boundFile?.removeIfUnchanged()
        #expect(unsafe rmdir(directory.path) == 0)
        listener.boundFile?.removeIfUnchanged()
    }
}
