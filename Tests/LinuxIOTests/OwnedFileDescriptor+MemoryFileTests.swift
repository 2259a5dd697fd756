import Glibc
import LinuxIO
import SystemPackage
import Testing

@Suite("OwnedFileDescriptor: memory files")
struct MemoryFileTests {
    @Test func hasTheSizeAskedForAndCanBeResized() throws {
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: 5000)
        #expect(try file.fileByteCount() == 5000)
        try file.resize(toByteCount: 3)
        #expect(try file.fileByteCount() == 3)
        #expect(fcntl(file.rawValue, F_GETFD) == FD_CLOEXEC)
    }

    @Test func aSizeThatNoFileCanHaveIsRefused() throws {
        let file = try OwnedFileDescriptor.memory(named: "guest", byteCount: 1)
        #expect(throws: SystemError(call: "ftruncate", errno: .fileTooLarge)) { try file.resize(toByteCount: .max) }
        #expect(try file.fileByteCount() == 1)
    }
}
