/// A file as it comes: ``TransferHeader``, the bytes, and their SHA-256 as a line. Nothing of it is kept here.
package struct FileReception {
    package enum Step: Equatable {
        case header(TransferHeader)
        case bytes([UInt8])
        /// All of it has come as it was sent; told once.
        case whole
    }

    private enum Phase {
        case header
        case bytes(left: UInt64)
        case ended
    }

    private var phase = Phase.header
    private var checksum = FileChecksum()

    private static let pieceByteCount = 65536
    private static let maximumChecksumByteCount = 512

    package init() {}

    /// The next step; nil when its bytes are not there yet.
    ///
    /// - Throws: ``GuestError``; `changed` when what came is not what was sent.
    package mutating func next(from unread: inout UnreadBytes) throws(GuestError) -> Step? {
        switch phase {
        case .header:
            guard let line = try unread.takeGuestLine(atMost: TransferHeader.maximumByteCount) else { return nil }
            let header = try TransferHeader(line)
            phase = .bytes(left: header.byteCount)
            return .header(header)
        case .bytes(left: 0):
            guard let line = try unread.takeGuestLine(atMost: Self.maximumChecksumByteCount) else { return nil }
            phase = .ended
            guard line == checksum.text else { throw .changed }
            return .whole
        case .bytes(let left):
            let limit = Int(min(UInt64(Self.pieceByteCount), left))
            guard let piece = unread.take(atMost: limit) else { return nil }
            phase = .bytes(left: left - UInt64(piece.count))
            checksum.add(piece)
            return .bytes(piece)
        case .ended: return nil
        }
    }
}
