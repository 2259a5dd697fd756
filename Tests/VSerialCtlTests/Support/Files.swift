import Glibc
import Testing

/// A whole file, as text.
func contents(of path: String) throws -> String { String(decoding: try bytes(of: path), as: UTF8.self) }

/// A whole file.
func bytes(of path: String) throws -> [UInt8] {
    let file = try unsafe #require(fopen(path, "rb"), "\(path)")
    defer { unsafe fclose(file) }
    var result: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65536)
    while case let count = unsafe fread(&piece, 1, piece.count, file), count > 0 { result += piece[..<count] }
    return result
}

/// Makes a file.
func write(_ bytes: [UInt8], to path: String) throws {
    let file = try unsafe #require(fopen(path, "wb"), "\(path)")
    defer { unsafe fclose(file) }
    try #require(unsafe fwrite(bytes, 1, bytes.count, file) == bytes.count)
}

/// A directory of its own for one test, removed with the files in it.
final class ScratchDirectory {
    let path: String

    init() throws {
        var template = Array("/tmp/vserialctl-XXXXXX".utf8CString)
        path = try unsafe template.withUnsafeMutableBufferPointer { buffer in
            let name = try unsafe #require(buffer.baseAddress)
            return try unsafe String(cString: #require(mkdtemp(name)))
        }
    }

    deinit {
        for name in names { _ = unsafe unlink("\(path)/\(name)") }
        _ = unsafe rmdir(path)
    }

    var names: [String] {
        guard let directory = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
