import CLinux
import Glibc
import SystemPackage

/// Part of a file mapped into this process, shared with everybody who maps it, readable and writable.
///
/// Not reserved in advance and not part of core dumps: it is guest memory, large and none of our state.
///
/// ## Memory that goes away
/// Whoever shares the file can truncate it, and a huge page can be poisoned. An access from Swift then raises `SIGBUS`.
/// With the fault guard installed the access reads zero (or writes to nowhere), ``isGone`` becomes true, and the
/// process lives. A system call with such an address fails with `EFAULT` and does not set ``isGone``.
///
/// ## Concurrency
/// The memory is shared with other processes and, through copies of ``base``, with any thread. The owner must outlive
/// every use of them.
@safe
public struct MappedMemory: ~Copyable {
    // What mmap(2) returned: whole pages, of which the caller's bytes may be the middle.
    private let pages: UnsafeMutableRawBufferPointer
    private let start: UnsafeMutableRawPointer
    private let guardNumber: Int32

    /// How many bytes are mapped, as asked for.
    public let byteCount: Int

    /// Maps part of a file. The corresponding C function is `mmap(2)` with `MAP_SHARED` and `MAP_NORESERVE`.
    ///
    /// Whether the file is that long is not looked at, because it can change at any moment: see
    /// ``OwnedFileDescriptor/fileByteCount()``.
    ///
    /// - Parameters:
    ///   - file: borrowed; the mapping stays when it is closed. Open for reading and writing.
    ///   - offset: where in the file, in bytes; need not be a multiple of the page size, not even on hugetlbfs.
    ///   - byteCount: how many bytes, at least 1.
    /// - Throws: ``SystemError``, at the fault of whoever chose file, offset or size (`EACCES`, `EINVAL`, `ENODEV`,
    ///   `EOVERFLOW`), or of the host (`ENOMEM`; `ENOSPC` when more than 1024 mappings would be guarded).
    public init(mapping file: borrowing OwnedFileDescriptor, offset: UInt64, byteCount: Int) throws(SystemError) {
        guard byteCount > 0 else { throw SystemError(call: "mmap", errno: .invalidArgument) }
        let pageSize = clinux_mapping_page_size(file.rawValue)
        guard pageSize > 0 else { throw SystemError(call: "fstatfs", errno: Errno(rawValue: errno)) }

        // Down to the page before, and up to the end of a page: munmap(2) of huge pages takes whole ones only.
        let lead = Int(offset % UInt64(pageSize))
        let (needed, overflow) = byteCount.addingReportingOverflow(lead + pageSize - 1)
        guard !overflow, let fileOffset = off_t(exactly: offset - UInt64(lead)) else {
            throw SystemError(call: "mmap", errno: .overflow)
        }
        let length = needed & ~(pageSize - 1)

        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, file.rawValue, fileOffset)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw SystemError(call: "mmap", errno: Errno(rawValue: errno))
        }
        // The advice can only fail for want of memory, and then only the size of a core dump is at stake.
        _ = unsafe madvise(mapped, length, MADV_DONTDUMP)

        let number = unsafe clinux_fault_guard_add(mapped, length, pageSize)
        guard number >= 0 else {
            let reason = Errno(rawValue: errno)
            unsafe munmap(mapped, length)
            throw SystemError(call: "fault guard", errno: reason)
        }
        // SAFETY: `lead` is below one page and byteCount + lead <= length, so every byte lies inside the mapping.
        unsafe pages = UnsafeMutableRawBufferPointer(start: mapped, count: length)
        unsafe start = mapped + lead
        guardNumber = number
        self.byteCount = byteCount
    }

    deinit {
        // In this order: once unmapped, the address may belong to a mapping of another thread.
        clinux_fault_guard_remove(guardNumber)
        // SAFETY: exactly what mmap(2) returned, once. Pages of the fault guard inside it go with it.
        unsafe munmap(pages.baseAddress, pages.count)
    }

    /// The first mapped byte, the one at the offset asked for. Good for ``byteCount`` bytes and as long as this value.
    public var base: UnsafeMutableRawPointer { unsafe start }

    /// Whether the fault guard had to put a page of zeros under an access: the memory behind the mapping went away, and
    /// what was read since is not what anybody wrote. Never becomes false again.
    public var isGone: Bool { clinux_fault_guard_was_hit(guardNumber) }

    /// Installs the fault guard for every mapping of the process, those to come included. Once, at start; again does
    /// nothing.
    ///
    /// A `SIGBUS` elsewhere keeps its former action. The corresponding C function is `sigaction(2)`.
    public static func installFaultGuard() {
        clinux_fault_guard_install()
    }
}
