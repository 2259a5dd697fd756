import FoundationEssentials
import Glibc

/// Bytes that two sides compare by their checksum.
package struct Payload {
    package let bytes: [UInt8]
    /// As sha256sum(1) writes it.
    package let checksum: String

    /// The bytes are in a file of `directory` while sha256sum reads them.
    package init(_ bytes: [UInt8], in directory: String) throws {
        self.bytes = bytes
        let file = try Self.write(bytes, in: directory)
        defer { unsafe unlink(file) }
        checksum = String(try ChildProcess.output(of: ["sha256sum", file], in: directory).prefix(64))
    }

    package init(contentsOf file: String, in directory: String) throws {
        guard let contents = FileManager.default.contents(atPath: file) else { throw Failure("cannot read \(file)") }
        try self.init(Array(contents), in: directory)
    }

    /// - Returns: the path of a new file with the bytes.
    package func write(in directory: String) throws -> String { try Self.write(bytes, in: directory) }

    private static func write(_ bytes: [UInt8], in directory: String) throws -> String {
        let file = "\(directory)/payload-\(UUID().uuidString)"
        let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            try expect(written > 0, "cannot write \(file): errno \(errno)")
            rest = rest.dropFirst(written)
        }
        return file
    }

    package static func random(byteCount: Int, in directory: String) throws -> Payload {
        let file = "\(directory)/payload-\(UUID().uuidString)"
        _ = try ChildProcess.output(of: ["sh", "-c", "head -c \(byteCount) /dev/urandom >\(file)"], in: directory)
        defer { unsafe unlink(file) }
        return try Payload(contentsOf: file, in: directory)
    }
}
