import Glibc
import LinuxIO
import Synchronization

/// A page that a worker and the process that measures share: no system call is needed to look at how far a role is.
///
/// @unchecked: the mapping lives as long as this object, and every access is atomic.
@safe
final class SharedCounters: @unchecked Sendable {
    /// What there is for each role.
    enum Field: Int {
        /// Bytes moved, or round trips made.
        case count
        /// Not zero: the role is to end.
        case stop
        /// How many bytes will have come in all; the role ends with the last of them.
        case expected
        /// 1: the role has ended well; anything more is 1 plus the errno that ended it.
        case finished
        /// Not zero: latencies count from now on.
        case recording
        case p50
        case p90
        case p99
        case p999
        /// 1 plus the stream position of the first wrong byte.
        case mismatch
    }

    static let roleLimit = 16
    private static let fieldsPerRole = 16
    private static let byteCount = roleLimit * fieldsPerRole * 8

    let file: OwnedFileDescriptor
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    /// Makes a new page.
    convenience init() throws {
        try self.init(
            file: try OwnedFileDescriptor.memory(named: "benchmark-counters", byteCount: UInt64(Self.byteCount)))
    }

    /// Maps a page that another process made.
    init(file: consuming OwnedFileDescriptor) throws {
        let mapped = unsafe mmap(nil, Self.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw BenchmarkError("cannot map counters: errno \(errno)")
        }
        self.file = file
        unsafe words = mapped.assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    deinit {
        unsafe munmap(words, Self.byteCount)
    }

    subscript(role: Int, field: Field) -> UInt64 {
        get { unsafe words[index(role, field)].load(ordering: .acquiring) }
        set { unsafe words[index(role, field)].store(newValue, ordering: .releasing) }
    }

    private func index(_ role: Int, _ field: Field) -> Int {
        precondition((0..<Self.roleLimit).contains(role))
        return role * Self.fieldsPerRole + field.rawValue
    }

    /// Before a role starts.
    func reset(_ role: Int) {
        for field in [Field.count, .stop, .finished, .recording, .p50, .p90, .p99, .p999, .mismatch] {
            self[role, field] = 0
        }
        self[role, .expected] = .max
    }
}
