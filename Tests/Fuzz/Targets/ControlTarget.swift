import ControlProtocol

/// What a program sends to the control socket, up to the request that is executed.
///
/// Checked beside that nothing traps: the pieces do not depend on how the bytes come, nothing is kept without bound, and a
/// request that is written down again is the one that was read.
final class ControlTarget: FuzzTarget {
    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        let partSize = 1 + source.choose(16)
        let bytes = source.takeRest()
        let whole = Self.pieces(of: bytes, partSize: max(bytes.count, 1))
        try expect(whole == Self.pieces(of: bytes, partSize: partSize), "other pieces in parts of \(partSize)")
        for case .object(let text) in whole { try Self.check(text) }
    }

    private static func pieces(of bytes: [UInt8], partSize: Int) -> [RequestSplitter.Piece] {
        var splitter = RequestSplitter()
        var pieces: [RequestSplitter.Piece] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            splitter.append(rest.prefix(partSize))
            rest = rest.dropFirst(partSize)
            while let piece = splitter.next() { pieces.append(piece) }
        }
        return pieces
    }

    private static func check(_ text: [UInt8]) throws(OracleFailure) {
        guard let request = try? ControlCoding.decode(ControlRequest.self, from: text) else { return }
        guard let written = try? ControlCoding.encode(request) else {
            throw OracleFailure("a request that was read cannot be written: \(request)")
        }
        let again = try? ControlCoding.decode(ControlRequest.self, from: written)
        try expect(again == request, "\(request) was written as \(String(decoding: written, as: UTF8.self))")
        try expect(!written.contains(UInt8(ascii: "\n")), "an answer with its id would be two lines")
    }
}
