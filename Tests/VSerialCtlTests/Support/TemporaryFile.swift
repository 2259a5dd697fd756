import Glibc
import Testing

/// A file of its own, removed with the value.
final class TemporaryFile {
    let path: String

    /// Writes the file.
    ///
    /// - Parameters:
    ///   - text: what is in it.
    ///   - mode: its permissions.
    /// - Throws: when it cannot be written.
    init(_ text: String, mode: mode_t = 0o600) throws {
        var template = Array("/tmp/vserialctl-XXXXXX".utf8CString)
        let file = unsafe mkstemp(&template)
        try #require(file >= 0)
        defer { close(file) }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let bytes = Array(text.utf8)
        try #require(unsafe write(file, bytes, bytes.count) == bytes.count)
        try #require(fchmod(file, mode) == 0)
    }

    deinit { unsafe unlink(path) }
}
