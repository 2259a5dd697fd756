/// Where a UNIX socket is found: a path of the file system, or a name of the abstract namespace (`unix(7)`).
public enum UnixAddress: Equatable, Hashable, Sendable, CustomStringConvertible {
    /// A socket file.
    case path(String)

    /// A name without a file, seen by every process of the network namespace, whatever its rights: without the leading
    /// `@`.
    case abstract(String)

    /// The longest path or name in bytes: `sun_path` has 108, and one is the NUL after a path or before a name.
    public static let maximumByteCount = 107

    /// Reads an address as people write it: `@name` is an abstract name, everything else a path.
    ///
    /// - Parameter text: 1 to 107 bytes, not counting the `@`; no NUL.
    /// - Throws: ``UnixAddressError``.
    public init(_ text: String) throws(UnixAddressError) {
        let isAbstract = text.utf8.first == UInt8(ascii: "@")
        // A scalar and not a character, which a combining mark behind the `@` would be part of.
        let name = isAbstract ? String(text.unicodeScalars.dropFirst()) : text
        guard !name.isEmpty else { throw .empty }
        guard !name.utf8.contains(0) else { throw .containsNUL }
        guard name.utf8.count <= Self.maximumByteCount else {
            throw .pathTooLong(text, byteCount: name.utf8.count)
        }
        self = isAbstract ? .abstract(name) : .path(name)
    }

    /// The directory that the socket's file is in; `nil` for an abstract name.
    public var directory: String? {
        guard case .path(let path) = self else { return nil }
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.utf8.startIndex ? "/" : String(path[..<slash])
    }

    /// The address as ``init(_:)`` reads it.
    public var description: String {
        switch self {
        case .path(let path): path
        case .abstract(let name): "@\(name)"
        }
    }
}

/// Why a text is no address of a UNIX socket; at the fault of whoever wrote it.
public enum UnixAddressError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no path, or no name after the `@`.
    case empty

    /// There is a NUL byte, at which the kernel would cut the path off.
    case containsNUL

    /// The kernel has no room for it. The text, and how many bytes its path or name has.
    case pathTooLong(String, byteCount: Int)

    /// One sentence for the operator.
    public var description: String {
        switch self {
        case .empty: "a socket address must not be empty"
        case .containsNUL: "a socket address must not contain a NUL byte"
        case .pathTooLong(let text, let byteCount):
            "the socket address \(text) has \(byteCount) bytes, at most \(UnixAddress.maximumByteCount) fit"
        }
    }
}
