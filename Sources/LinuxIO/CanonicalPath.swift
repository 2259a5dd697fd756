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
}
