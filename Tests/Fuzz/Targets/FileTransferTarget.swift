import ClientProtocols

/// What a guest says where a file should come: to `vserialctl recv-file`.
///
/// Checked beside that nothing traps: what comes out does not depend on how the bytes come, little waits, what our sender
/// says arrives, and a file of which a bit has changed is never whole.
final class FileTransferTarget: FuzzTarget {
    private struct Outcome: Equatable {
        var header: TransferHeader?
        var bytes: [UInt8] = []
        var isWhole = false
        var error: GuestError?
        /// Those behind the file.
        var left: [UInt8] = []
    }

    func run(_ input: ByteSource) throws(OracleFailure) {
        var source = input
        let isSent = source.nextBool()
        let cut = Cut(&source)
        if isSent { return try Self.checkSender(&source, cut) }
        let bytes = source.takeRest()
        _ = try Self.receive(bytes, alsoBy: cut)
    }

    /// A file as `send-file` sends it, and the same with another bit.
    private static func checkSender(_ source: inout ByteSource, _ cut: Cut) throws(OracleFailure) {
        let name = String(decoding: source.take(source.choose(256)), as: UTF8.self)
        let flipped = source.nextInt(upTo: 1 << 16)
        let content = source.takeRest()
        var checksum = FileChecksum()
        checksum.add(content)
        let header = TransferHeader(byteCount: UInt64(content.count), name: name).line
        var bytes = header + content + checksum.text + [UInt8(ascii: "\n")]
        let outcome = try receive(bytes, alsoBy: cut)
        try expect(outcome.isWhole && outcome.bytes == content, "'\(name)' of \(content.count) bytes: \(outcome)")
        bytes[flipped / 8 % bytes.count] ^= 1 << UInt8(flipped % 8)
        let changed = try receive(bytes, alsoBy: cut)
        try expect(!changed.isWhole || changed.bytes == content, "\(content) has become \(changed.bytes) unnoticed")
    }

    private static func receive(_ bytes: [UInt8], alsoBy cut: Cut) throws(OracleFailure) -> Outcome {
        let whole = try receive(bytes, .none)
        let inParts = try receive(bytes, cut)
        try expect(whole == inParts, "\(whole) at once, \(inParts) in parts")
        if let error = whole.error { try TerminalText.check("\(error)") }
        return whole
    }

    private static func receive(_ bytes: [UInt8], _ cut: Cut) throws(OracleFailure) -> Outcome {
        var reception = FileReception()
        var unread = UnreadBytes()
        var outcome = Outcome()
        for part in cut.parts(of: bytes) {
            unread.append(part)
            do throws(GuestError) {
                while let step = try reception.next(from: &unread) {
                    switch step {
                    case .header(let header): outcome.header = header
                    case .bytes(let piece): outcome.bytes += piece
                    case .whole: outcome.isWhole = true
                    }
                }
            } catch {
                // Nobody reads on.
                outcome.error = error
                return outcome
            }
            try expect(outcome.isWhole || unread.count <= TransferHeader.maximumByteCount, "\(unread.count) bytes wait")
        }
        outcome.left = unread.take(atMost: max(unread.count, 1)) ?? []
        return outcome
    }
}
