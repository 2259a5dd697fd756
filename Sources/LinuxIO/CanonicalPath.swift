import Glibc

/// Paths without symbolic links on the way: they mean the same from another working directory, and from another root that
/// has the same directories.
public enum CanonicalPath {
    /// The path of what is there now; the path itself when nothing is. The C function is `realpath`.
    public static func resolve(_ path: String) -> String {
        guard let real = unsafe realpath(path, nil) else { return path }
        // SAFETY: realpath(3) gave a string of its own, which is copied and then freed.
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    /// The same of the directory that a file is in; the file's own name stays, be it a link or not there at all.
    public static func resolveDirectory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "\(resolve("."))/\(path)" }
        let name = path[path.utf8.index(after: slash)...]
        guard slash != path.utf8.startIndex else { return "/\(name)" }
        return "\(resolve(String(path[..<slash])))/\(name)"
    }
}
