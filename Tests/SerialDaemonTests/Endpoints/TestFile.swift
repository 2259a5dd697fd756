import Glibc
import LinuxIO
import Testing

/// Reading and writing what an endpoint is bound to, as a program does.
enum TestFile {
    static func read(_ file: borrowing OpenFile) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        let count = unsafe Glibc.read(file.rawValue, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    static func write(_ bytes: [UInt8], to file: borrowing OpenFile) throws {
        #expect(unsafe Glibc.write(file.rawValue, bytes, bytes.count) == bytes.count)
    }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try write(bytes, to: try OpenFile(path: path, flags: O_WRONLY | O_CREAT, mode: 0o600))
    }
}

enum FileStatusProbe {
    static func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
}

/// A pipe, one end of which is given away.
final class TestPipe {
    private var reader: Int32
    private var writer: Int32

    init() throws {
        // As the daemon has it.
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        #expect(unsafe pipe(&ends) == 0)
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        (reader, writer) = (ends[0], ends[1])
    }

    deinit {
        closeReader()
        closeWriter()
    }

    func takeReader() -> OwnedFileDescriptor {
        defer { reader = -1 }
        return OwnedFileDescriptor(adopting: reader)
    }

    func takeWriter() -> OwnedFileDescriptor {
        defer { writer = -1 }
        return OwnedFileDescriptor(adopting: writer)
    }

    func write(_ bytes: [UInt8]) {
        #expect(unsafe Glibc.write(writer, bytes, bytes.count) == bytes.count)
    }

    func read() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = unsafe Glibc.read(reader, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    func closeReader() {
        if reader >= 0 { close(reader) }
        reader = -1
    }

    func closeWriter() {
        if writer >= 0 { close(writer) }
        writer = -1
    }
}
