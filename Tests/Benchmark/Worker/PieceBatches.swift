import Glibc
import LinuxIO

/// A shared memory file cut into pieces, and batch after batch of them as sendmsg(2) and recvmsg(2) take it, round and
/// round.
@safe
struct PieceBatches {
    /// As much as one call of a good back-end moves.
    private static let largestBatch = 256 << 10

    let batchByteCount: Int
    private let vectors: UnsafeMutableBufferPointer<iovec>
    private let piecesPerBatch: Int
    private var position = 0

    /// Maps a fresh file. Never unmapped: it lasts as long as the process's work.
    init(areaByteCount: Int, pieceByteCount: Int) {
        let number = Self.makeFile(areaByteCount)
        guard let base = unsafe mmap(nil, areaByteCount, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0),
            unsafe base != MAP_FAILED
        else { fatalError("no memory for the limit") }
        unsafe memset(base, 0x55, areaByteCount)
        let count = areaByteCount / pieceByteCount
        unsafe vectors = UnsafeMutableBufferPointer<iovec>.allocate(capacity: count)
        for index in 0..<count {
            unsafe vectors.initializeElement(
                at: index, to: iovec(iov_base: base + index * pieceByteCount, iov_len: pieceByteCount))
        }
        piecesPerBatch = max(1, min(count, Self.largestBatch / pieceByteCount))
        batchByteCount = piecesPerBatch * pieceByteCount
    }

    private static func makeFile(_ byteCount: Int) -> Int32 {
        do {
            let file = try OwnedFileDescriptor.memory(named: "benchmark-limit", byteCount: UInt64(byteCount))
            return dup(file.rawValue)
        } catch {
            fatalError("no memory file for the limit: \(error)")
        }
    }

    /// The next batch; its list is good until the process ends.
    mutating func next() -> msghdr {
        if unsafe position + piecesPerBatch > vectors.count { position = 0 }
        var message = unsafe msghdr()
        unsafe message.msg_iov = vectors.baseAddress?.advanced(by: position)
        unsafe message.msg_iovlen = piecesPerBatch
        position += piecesPerBatch
        return unsafe message
    }
}
