import Glibc
import Virtio

/// The newest bytes of a port, up to a fixed number: those that nobody has read yet, what a late client gets to see, or what
/// a slow one has still to read.
///
/// A ring in one allocation. Bytes that find no room push the oldest ones out. Its pages take no memory until they are
/// written to.
@safe
struct ReplayBuffer: ~Copyable {
    /// How many bytes it keeps at most; with 0 it keeps none.
    let capacity: Int
    /// How many it holds.
    private(set) var count = 0

    private var start = 0
    // Owned: `capacity` bytes. Only the `count` bytes from `start` on, modulo capacity, are ever read: append wrote
    // them.
    private let storage: UnsafeMutableRawPointer

    init(capacity: Int) {
        precondition(capacity >= 0)
        self.capacity = capacity
        unsafe storage = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        unsafe storage.deallocate()
    }

    var isEmpty: Bool {
        count == 0
    }

    /// Appends the bytes of `vectors`, the first `most` of them.
    ///
    /// - Returns: how many bytes were pushed out, or had no room even alone.
    mutating func append(_ vectors: borrowing IOVectors, first most: Int = .max) -> Int {
        unsafe vectors.withPieces { pieces in unsafe append(pieces, first: most) }
    }

    /// Appends what another one holds; returns how many bytes were lost for it.
    mutating func append(_ other: borrowing ReplayBuffer) -> Int {
        unsafe other.withPieces { pieces in unsafe append(pieces, first: .max) }
    }

    private mutating func append(_ pieces: UnsafeBufferPointer<iovec>, first most: Int) -> Int {
        var lost = 0
        var left = most
        for index in 0..<pieces.count where left > 0 {
            let piece = unsafe pieces[index]
            let count = unsafe min(piece.iov_len, left)
            unsafe lost += append(UnsafeRawBufferPointer(start: piece.iov_base, count: count))
            left -= count
        }
        return lost
    }

    /// Appends bytes; returns how many were lost for it.
    mutating func append(_ bytes: UnsafeRawBufferPointer) -> Int {
        // Of more bytes than fit at all, only the last ones matter.
        let skipped = max(0, bytes.count - capacity)
        let added = bytes.count - skipped
        let pushedOut = max(0, count + added - capacity)
        dropFirst(pushedOut)
        var copied = 0
        while copied < added {
            let end = (start + count) % capacity
            let length = min(added - copied, capacity - end)
            // SAFETY: `length` bytes fit between `end` and the end of the allocation.
            unsafe UnsafeMutableRawBufferPointer(start: storage + end, count: length)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[(skipped + copied)...].prefix(length)))
            count += length
            copied += length
        }
        return skipped + pushedOut
    }

    /// Appends one byte; returns how many were lost for it.
    mutating func append(_ byte: UInt8) -> Int {
        unsafe withUnsafeBytes(of: byte) { unsafe append($0) }
    }

    /// The same with another capacity; the oldest bytes go when they find no room.
    func resized(to capacity: Int) -> ReplayBuffer {
        var other = ReplayBuffer(capacity: capacity)
        _ = other.append(self)
        return other
    }

    /// Forgets the oldest `byteCount` bytes, at most ``count``.
    mutating func dropFirst(_ byteCount: Int) {
        precondition((0...count).contains(byteCount))
        // A capacity of 0 never has a byte to forget.
        start = capacity == 0 ? 0 : (start + byteCount) % capacity
        count -= byteCount
    }

    /// Calls `body` with what is held, oldest first, in one or two pieces, which it must not keep.
    func withPieces<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<iovec>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let firstLength = min(count, capacity - start)
        // SAFETY: both pieces lie inside the allocation; the array lives on the stack for the call.
        let pieces: [2 of iovec] = unsafe [
            iovec(iov_base: storage + start, iov_len: firstLength),
            iovec(iov_base: storage, iov_len: count - firstLength),
        ]
        let pieceCount = firstLength < count ? 2 : 1
        return try unsafe pieces.span.withUnsafeBufferPointer { (all) throws(Failure) -> Result in
            unsafe try body(UnsafeBufferPointer(rebasing: all.prefix(pieceCount)))
        }
    }
}
