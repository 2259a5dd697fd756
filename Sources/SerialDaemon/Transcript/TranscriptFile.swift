import Glibc
import LinuxIO
import SystemPackage

/// The file that a transcript is written to, and those that were put aside for it: `PATH.1` is the youngest.
///
/// Always appended to, so that neither what a disk refuses nor what somebody else cuts off leaves a hole.
///
/// ## Concurrency
/// On the control thread.
final class TranscriptFile {
    /// What came of some bytes.
    struct Outcome: Equatable {
        /// How many are in no file.
        var lost = 0
        /// Why not.
        var failure: SystemError?
        /// Why the file was not put aside although it is full; it is written on then.
        var rotationFailure: TranscriptRefusal?
    }

    let path: String
    /// At how many bytes it is put aside; nil is never.
    private let maximumByteCount: Int?
    private let oldFileCount: Int
    private var file: CurrentFile
    /// How much it may grow before it is put aside, or before that is tried again.
    private var limit: Int

    /// A file, which one it is, and how much is in it.
    private struct CurrentFile: ~Copyable {
        let descriptor: OwnedFileDescriptor
        let identity: FileStatus.Identity
        var byteCount: Int
    }

    /// Opens the file, or makes it, readable for its owner alone. What it holds stays in it.
    ///
    /// - Parameters:
    ///   - path: absolute, its directory without symbolic links.
    ///   - settings: the port's.
    /// - Throws: ``TranscriptRefusal``; what was there is as it was.
    init(_ path: String, _ settings: TranscriptSettings) throws(TranscriptRefusal) {
        self.path = path
        maximumByteCount = settings.maximumByteCount
        oldFileCount = settings.oldFileCount
        limit = settings.maximumByteCount ?? .max
        file = try Self.open(path)
    }

    /// Throws away what it holds.
    func clear() throws(TranscriptRefusal) {
        guard ftruncate(file.descriptor.rawValue, 0) == 0 else { throw .last("ftruncate") }
        file.byteCount = 0
    }

    /// Opens what is at the path now: somebody has taken the file away, or put another one there. Until that can be done
    /// it goes on in the former one.
    func reopen() throws(TranscriptRefusal) {
        file = try Self.open(path)
        limit = maximumByteCount ?? .max
    }

    /// Whether both would write to one file, whatever the paths, or one of them put a file where the other has its own.
    func collides(with other: TranscriptFile) -> Bool {
        file.identity == other.file.identity || !names.isDisjoint(with: other.names)
    }

    /// What it makes and replaces.
    private var names: Set<String> {
        guard maximumByteCount != nil else { return [path] }
        return Set((1...oldFileCount).map { "\(path).\($0)" } + [path, newPath])
    }

    private var newPath: String { "\(path).new" }

    // MARK: Writing

    /// Appends bytes, to as many files as they take.
    func append(_ bytes: [UInt8]) -> Outcome {
        var outcome = Outcome()
        var position = 0
        while position < bytes.count {
            if file.byteCount >= limit { makeRoom(&outcome) }
            let end = position + min(bytes.count - position, limit - file.byteCount)
            let start = position
            defer { file.byteCount += position - start }
            do throws(SystemError) {
                try file.descriptor.write(bytes, from: &position, to: end)
            } catch {
                outcome.failure = error
                outcome.lost = bytes.count - position
                return outcome
            }
        }
        return outcome
    }

    // MARK: Putting aside

    private func makeRoom(_ outcome: inout Outcome) {
        // Somebody may have cut it (logrotate's copytruncate): then there is room already.
        if let status = try? FileStatus(of: file.descriptor) { file.byteCount = status.byteCount }
        guard file.byteCount >= limit else { return }
        do throws(TranscriptRefusal) {
            try rotate()
        } catch {
            outcome.rotationFailure = error
        }
        // Not with each piece: what refused it may refuse for long.
        if file.byteCount >= limit { limit = file.byteCount + TranscriptSettings.smallestMaximum }
    }

    private func rotate() throws(TranscriptRefusal) {
        // A file that is not ours any more is not ours to put aside.
        guard let status = try Self.status(at: path), status.identity == file.identity else { return try reopen() }
        // The new one first: without it nothing is moved.
        _ = unsafe unlink(newPath)
        let new = try Self.open(newPath)
        do throws(TranscriptRefusal) {
            for index in stride(from: oldFileCount - 1, through: 1, by: -1) {
                try Self.move("\(path).\(index)", to: "\(path).\(index + 1)", mayBeMissing: true)
            }
            try Self.move(path, to: "\(path).1")
            try Self.move(newPath, to: path)
        } catch {
            _ = unsafe unlink(newPath)
            throw error
        }
        file = new
        limit = maximumByteCount ?? .max
    }

    /// The oldest one is replaced; one that somebody has taken away is not missed.
    private static func move(
        _ source: String, to target: String, mayBeMissing: Bool = false
    ) throws(TranscriptRefusal) {
        guard unsafe rename(source, target) == 0 || (mayBeMissing && errno == ENOENT) else { throw .last("rename") }
    }

    // MARK: Opening

    private static func open(_ path: String) throws(TranscriptRefusal) -> CurrentFile {
        // Looked at before: to open a device can be to do something.
        if let status = try status(at: path), !status.isRegularFile { throw .notAFile }
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let number = unsafe Glibc.open(path, flags, 0o600)
        guard number >= 0 else { throw .last("open") }
        let descriptor = OwnedFileDescriptor(adopting: number)
        let status = try status(of: descriptor)
        guard status.isRegularFile else { throw .notAFile }
        return CurrentFile(descriptor: descriptor, identity: status.identity, byteCount: status.byteCount)
    }

    private static func status(at path: String) throws(TranscriptRefusal) -> FileStatus? {
        do throws(SystemError) { return try FileStatus(at: path) } catch { throw .failed(error) }
    }

    private static func status(of descriptor: borrowing OwnedFileDescriptor) throws(TranscriptRefusal) -> FileStatus {
        do throws(SystemError) { return try FileStatus(of: descriptor) } catch { throw .failed(error) }
    }
}

extension TranscriptRefusal {
    /// What a call of this name has left in `errno`.
    fileprivate static func last(_ call: String) -> TranscriptRefusal {
        .failed(SystemError(call: call, errno: Errno(rawValue: errno)))
    }
}
