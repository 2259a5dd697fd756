import CLinux
public import Glibc

/// A reusable list of host memory pieces, for one sendmsg(2) or recvmsg(2).
///
/// Made once and used for every batch: appending allocates nothing. A piece that begins where the last one ends makes
/// that one longer, so that a guest's neighbouring pages travel as one.
@safe
public struct IOVectors: ~Copyable {
    /// The most pieces that one system call takes (IOV_MAX).
    public static let maximumCapacity = 1024

    /// How many pieces fit.
    public let capacity: Int
    /// How many pieces there are.
    public private(set) var count = 0
    /// How many bytes the pieces have together.
    public private(set) var byteCount = 0

    // Owned: allocated in init, freed in deinit, `capacity` elements of which the first `count` are initialised.
    private let pieces: UnsafeMutablePointer<iovec>

    /// Makes an empty list with room for `capacity` pieces, 1 to ``maximumCapacity``.
    public init(capacity: Int) {
        precondition((1...Self.maximumCapacity).contains(capacity))
        self.capacity = capacity
        unsafe pieces = .allocate(capacity: capacity)
    }

    deinit {
        // iovec is trivial: there is nothing to deinitialise.
        unsafe pieces.deallocate()
    }

    /// Forgets all pieces.
    public mutating func removeAll() {
        count = 0
        byteCount = 0
    }

    /// Adds a piece; false when there is no room for it.
    @inline(__always)
    mutating func append(_ piece: UnsafeMutableRawBufferPointer) -> Bool {
        // SAFETY: indexes are below `count` ≤ `capacity`, see `pieces`.
        if count > 0, let lastBase = unsafe pieces[count - 1].iov_base,
            unsafe lastBase + pieces[count - 1].iov_len == piece.baseAddress
        {
            unsafe pieces[count - 1].iov_len += piece.count
        } else {
            guard count < capacity else { return false }
            unsafe (pieces + count).initialize(to: iovec(iov_base: piece.baseAddress, iov_len: piece.count))
            count += 1
        }
        byteCount += piece.count
        return true
    }

    /// Calls `body` with the pieces, which it must not keep.
    @inline(__always)
    public func withPieces<Result, Failure: Error>(
        _ body: (UnsafeBufferPointer<iovec>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe try body(UnsafeBufferPointer(start: pieces, count: count))
    }
}

// MARK: - Undoing

extension IOVectors {
    /// A place to come back to, see ``rollback(to:)``.
    struct Mark {
        let count: Int
        let byteCount: Int
        /// The length of the last piece, which a later append may have made longer.
        let lastLength: Int
    }

    /// The place where the list ends now.
    var mark: Mark {
        unsafe Mark(count: count, byteCount: byteCount, lastLength: count > 0 ? pieces[count - 1].iov_len : 0)
    }

    /// Forgets what was appended since `mark`.
    mutating func rollback(to mark: Mark) {
        count = mark.count
        byteCount = mark.byteCount
        guard count > 0 else { return }
        unsafe pieces[count - 1].iov_len = mark.lastLength
    }
}

// MARK: - Copying, for what is no bulk data: control messages and buffered console output

extension IOVectors {
    /// Copies from the pieces into `destination`, in order, as much as both have; returns how many bytes.
    ///
    /// Each byte is read once: what is checked afterwards is what was copied.
    public func copyBytes(into destination: UnsafeMutableRawBufferPointer) -> Int {
        var copied = 0
        for index in 0..<count where copied < destination.count {
            let length = unsafe min(pieces[index].iov_len, destination.count - copied)
            guard let target = destination.baseAddress, let source = unsafe pieces[index].iov_base else { break }
            // SAFETY: `length` bytes fit behind `copied`, and the piece has as many.
            unsafe clinux_copy_from_shared(target + copied, source, length)
            copied += length
        }
        return copied
    }

    /// Copies `source` into the pieces, in order, as much as both have; returns how many bytes.
    public func copyBytes(from source: UnsafeRawBufferPointer) -> Int {
        var copied = 0
        for index in 0..<count where copied < source.count {
            let length = unsafe min(pieces[index].iov_len, source.count - copied)
            // SAFETY: as above, the other way round.
            unsafe UnsafeMutableRawBufferPointer(start: pieces[index].iov_base, count: length)
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: source[copied..<copied + length]))
            copied += length
        }
        return copied
    }
}
