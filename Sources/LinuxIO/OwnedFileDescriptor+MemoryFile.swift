import CLinux
import Glibc
import SystemPackage

/// Files that live in memory: what a front-end passes as guest memory, and what tests pass in its place.
extension OwnedFileDescriptor {
    /// Creates a file in memory, filled with zeros and closed on `exec`; it may be sealed.
    ///
    /// The corresponding C functions are `memfd_create(2)` and `ftruncate(2)`.
    ///
    /// - Parameters:
    ///   - name: shown by `/proc`, at most 249 bytes; need not be unique.
    ///   - byteCount: size of the file in bytes.
    /// - Returns: the file; the caller owns it.
    /// - Throws: ``SystemError``.
    public static func memory(named name: String, byteCount: UInt64) throws(SystemError) -> OwnedFileDescriptor {
        let file = OwnedFileDescriptor(adopting: try systemCall("memfd_create") { unsafe clinux_memory_file(name) })
        try file.resize(toByteCount: byteCount)
        return file
    }

    /// Sets the size of the file; bytes added are zero.
    ///
    /// Memory that is mapped beyond the new end is gone: see ``MappedMemory``. The corresponding C function is
    /// `ftruncate(2)`.
    ///
    /// - Parameter byteCount: the new size in bytes.
    /// - Throws: ``SystemError``; `EPERM` when a seal forbids it, `EFBIG` above 2^63 − 1 bytes.
    public func resize(toByteCount byteCount: UInt64) throws(SystemError) {
        guard let length = off_t(exactly: byteCount) else { throw SystemError(call: "ftruncate", errno: .fileTooLarge) }
        try systemCall("ftruncate") { ftruncate(rawValue, length) }
    }

    /// The size of the file in bytes, now; another process may change it.
    ///
    /// The corresponding C function is `fstat(2)`.
    ///
    /// - Throws: ``SystemError``.
    public func fileByteCount() throws(SystemError) -> UInt64 {
        var status = stat()
        try systemCall("fstat") { unsafe fstat(rawValue, &status) }
        return UInt64(clamping: status.st_size)
    }
}
