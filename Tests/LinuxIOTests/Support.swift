import Glibc
import LinuxIO
import Synchronization
import SystemPackage
import Testing

/// A directory of its own for one test, removed with everything in it.
struct TemporaryDirectory: ~Copyable {
    let path: String

    init() throws {
        var template = Array("\(P_tmpdir)/linuxio-XXXXXX".utf8CString)
        path = try unsafe template.withUnsafeMutableBufferPointer { buffer in
            let name = try unsafe #require(buffer.baseAddress)
            return try unsafe String(cString: #require(mkdtemp(name)))
        }
    }

    deinit {
        for name in names() {
            _ = unsafe unlink("\(path)/\(name)")
        }
        _ = unsafe rmdir(path)
    }

    func names() -> [String] {
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

/// One result of another thread. `Thread.join()` comes before reading it.
final class Result<Value: Sendable>: Sendable {
    private let storage = Mutex<Value?>(nil)
    var value: Value? {
        get { storage.withLock { $0 } }
        set { storage.withLock { $0 = newValue } }
    }
}

struct Received: Equatable {
    var outcome: IOOutcome
    var bytes: [UInt8]
}

extension UnixStream {
    func receive(upTo byteCount: Int) throws -> Received {
        var bytes = [UInt8](repeating: 0, count: byteCount)
        let outcome = try unsafe bytes.withUnsafeMutableBytes { try unsafe receive(into: $0) }
        guard case .bytes(let count) = outcome else { return Received(outcome: outcome, bytes: []) }
        return Received(outcome: outcome, bytes: Array(bytes.prefix(count)))
    }

    func send(_ bytes: [UInt8]) throws -> IOOutcome {
        try unsafe send(bytes.span.bytes)
    }

    func send(_ bytes: [UInt8], descriptors: [Int32]) throws -> IOOutcome {
        try unsafe bytes.withUnsafeBytes { try unsafe send($0, descriptors: descriptors) }
    }

    /// Fills the socket until it takes no more; returns how many bytes it took.
    func fill() throws -> Int {
        let piece = [UInt8](repeating: 0xAA, count: 1024)
        var total = 0
        while case .bytes(let count) = try send(piece) { total += count }
        return total
    }
}

/// Lets go of a value, which closes what it owns.
func drop<Value: ~Copyable>(_ value: consuming Value) {}

/// Another number for the same open file. Closed on exec, or the processes that exit tests start would keep it open.
func copy(of descriptor: Int32) -> Int32 {
    fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
}

/// Waits for a condition of one descriptor; the limit only bounds a failure.
func waits(for events: Int32, on descriptor: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return unsafe poll(&entry, 1, 10_000) == 1 && Int32(entry.revents) & events != 0
}

extension UnixStream {
    /// Closes this end and waits until the other sees it: a process that another test is just starting may hold copies
    /// of every descriptor for the moment between fork(2) and exec(2).
    consuming func close(seenBy other: borrowing UnixStream) {
        let number = other.rawValue
        drop(self)
        #expect(waits(for: POLLHUP, on: number))
    }
}

/// Tells when the last copy of a descriptor is closed, wherever the copies are: its other end sees the end of the file
/// then.
///
/// Better than counting open numbers, which other tests of the process open and close at the same time.
struct LeakDetector: ~Copyable {
    let number: Int32
    private let observer: UnixStream
    private var observed: UnixStream?

    init() throws {
        let pair = try UnixStream.pair()
        observer = pair.first
        let second = pair.second
        number = second.rawValue
        observed = consume second
    }

    /// Whether every copy is closed, the one kept here included.
    mutating func everyCopyIsClosed() throws -> Bool {
        observed = nil
        guard waits(for: POLLHUP, on: observer.rawValue) else { return false }
        return try observer.receive(upTo: 1).outcome == .endOfFile
    }
}

/// Which file a descriptor is open for.
func inode(of descriptor: Int32) -> UInt64? {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { return nil }
    return UInt64(status.st_ino)
}

/// Runs `body` on a thread of its own and waits for what it returns.
func onNewThread<Value: Sendable>(_ body: sending @escaping () -> Value) throws -> Value {
    let result = Result<Value>()
    try Thread.spawn(name: "test") { result.value = body() }.join()
    return try #require(result.value)
}
