import Glibc
import LinuxIO
import SystemPackage

/// The file, or the files in turn, that a capture is written to.
///
/// None becomes longer than it may, and only whole blocks stay in it: what a full disk has cut is taken back. Made anew
/// and never written over: what is there already belongs to somebody.
///
/// ## Concurrency
/// On the control thread.
final class CaptureFile {
    enum End: Error, Equatable {
        /// The only file there may be is full.
        case full
        /// One that is not of this capture has the name.
        case nameTaken(String)
        case failed(SystemError)
    }

    /// What came of some packets.
    struct Outcome: Equatable {
        /// How many are in a file.
        var packetCount = 0
        /// As blocks.
        var byteCount = 0
        /// How many are in none.
        var lostCount = 0
        /// Why not. No further packet is written: what follows a gap would look complete.
        var end: End?
    }

    let names: CaptureFileNames
    private let header: [UInt8]
    /// Of packets; behind them is room for the capture's end.
    private let limit: Int
    private var file: OwnedFileDescriptor
    /// Of whole blocks in the file of now.
    private var byteCount = 0
    /// How many files were put aside.
    private var asideCount = 0
    private var end: End?

    /// Makes the first file and writes its header.
    ///
    /// - Parameters:
    ///   - names: of the files; with one, the capture ends when it is full.
    ///   - header: the beginning of each file.
    ///   - maximumByteCount: of each file; enough for the header, a packet and the end.
    /// - Throws: ``End``: there is such a file, or it cannot be made.
    init(_ names: CaptureFileNames, header: [UInt8], maximumByteCount: Int) throws(End) {
        self.names = names
        self.header = header
        limit = maximumByteCount - CaptureFormat.statisticsByteCount
        for index in 1..<names.count { try names.requireFree(index) }
        file = try Self.make(names.path)
        do {
            try write(header)
        } catch {
            _ = unsafe unlink(names.path)
            throw error
        }
    }

    // MARK: Writing

    /// Appends packets, each of them a block, to as many files as they take.
    func append(_ packets: [UInt8]) -> Outcome {
        var outcome = Outcome()
        var position = 0
        while position < packets.count, end == nil {
            let start = position
            let room = limit - byteCount
            do throws(End) {
                // One write for as many as there is room for.
                try write(packets, from: &position, to: Self.wholeBlocks(packets, from: start, within: room).end)
                if position == start { try makeRoom() }
            } catch {
                end = error
            }
            outcome.byteCount += position - start
            outcome.packetCount += Self.wholeBlocks(packets, from: start, within: position - start).count
        }
        outcome.lostCount = Self.wholeBlocks(packets, from: position, within: .max).count
        outcome.end = end
        return outcome
    }

    /// Writes the capture's end, for which there is room in every file.
    func finish(_ statistics: [UInt8]) throws(End) {
        try write(statistics)
    }

    private func write(_ blocks: [UInt8]) throws(End) {
        var position = 0
        try write(blocks, from: &position, to: blocks.count)
    }

    /// Writes blocks; `position` is behind the last whole one in the file afterwards, also when this throws.
    private func write(_ blocks: [UInt8], from position: inout Int, to end: Int) throws(End) {
        let start = position
        defer { byteCount += position - start }
        do throws(SystemError) {
            try file.write(blocks, from: &position, to: end)
        } catch {
            position = Self.wholeBlocks(blocks, from: start, within: position - start).end
            // Back to the last whole block; when that fails too, a reader stops at the cut one.
            _ = ftruncate(file.rawValue, off_t(byteCount + position - start))
            throw .failed(error)
        }
    }

    /// The blocks that so many bytes have room for: where they end, and how many they are.
    private static func wholeBlocks(
        _ blocks: [UInt8], from start: Int, within byteCount: Int
    ) -> (end: Int, count: Int) {
        var (end, count) = (start, 0)
        while end < blocks.count {
            let next = end + CaptureFormat.blockByteCount(blocks, at: end)
            guard next - start <= byteCount else { break }
            (end, count) = (next, count + 1)
        }
        return (end, count)
    }

    // MARK: Taking turns

    private func makeRoom() throws(End) {
        // In an empty file there is no more room than here.
        guard names.count > 1, byteCount > header.count else { throw .full }
        try rotate()
    }

    private func rotate() throws(End) {
        // The oldest one is replaced when it is one of ours. What came to stand at another name meanwhile is not.
        let oldest = min(asideCount + 1, names.count - 1)
        if oldest > asideCount { try names.requireFree(oldest) }
        for index in stride(from: oldest - 1, through: 0, by: -1) {
            // One that somebody has taken away is not missed.
            guard unsafe rename(names[index], names[index + 1]) == 0 || errno == ENOENT else {
                throw .failed(SystemError(call: "rename", errno: Errno(rawValue: errno)))
            }
        }
        asideCount = oldest
        file = try Self.make(names.path)
        byteCount = 0
        try write(header)
    }

    private static func make(_ path: String) throws(End) -> OwnedFileDescriptor {
        // Appending: what was taken back leaves no hole behind it.
        let flags = O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let number = unsafe open(path, flags, 0o600)
        guard number >= 0 else { throw .failed(SystemError(call: "open", errno: Errno(rawValue: errno))) }
        return OwnedFileDescriptor(adopting: number)
    }
}

extension CaptureFile.End: CustomStringConvertible {
    var description: String {
        switch self {
        case .full: "the file is full"
        case .nameTaken(let name): "\(name.escaped) is there already"
        case .failed(let error): "\(error)"
        }
    }
}
